import MQTTTransport
import TestSupport
import Testing

@Suite("Validation of the MQTT configuration")
struct MQTTConfigurationTests {
    @Test(
        "A URL gives host, port, user name, password and TLS",
        arguments: [
            ("mqtt://broker", "broker", 1883, nil, nil, false),
            ("MQTT://broker:1999/", "broker", 1999, nil, nil, false),
            ("mqtts://broker", "broker", 8883, nil, nil, true),
            ("mqtt://me:se%2Fcret@broker", "broker", 1883, "me", "se/cret", false),
            ("mqtt://m%40e@[::1]:1884", "::1", 1884, "m@e", nil, false),
        ] as [(String, String, Int, String?, String?, Bool)])
    func parsesURL(
        url: String, host: String, port: Int, username: String?, password: String?, tls: Bool
    ) throws {
        let configuration = try MQTTConfiguration(url: url, clientID: "me")
        #expect(configuration.host == host)
        #expect(configuration.port == port)
        #expect(configuration.username == username)
        #expect(configuration.password == password)
        #expect((configuration.tls != nil) == tls)
        try configuration.validate()
    }

    @Test(
        "An invalid URL is rejected with what is expected, without its password",
        arguments: [
            "", "broker:1883", "http://me:hush@broker", "mqtt://", "mqtt://me:hush@broker/path", "mqtt://broker?x=1",
            "mqtt://me:hush@broker:port",
        ])
    func refusesURL(url: String) {
        let error = #expect(throws: MQTTError.self) { try MQTTConfiguration(url: url, clientID: "me") }
        #expect("\(error.map { "\($0)" } ?? "")".contains("mqtt://[user:password@]host"))
        #expect("\(error.map { "\($0)" } ?? "")".contains("hush") == false)
    }

    /// A change to a valid configuration and the words expected in its error.
    struct Mistake: Sendable, CustomTestStringConvertible {
        let words: String
        let change: @Sendable (inout MQTTConfiguration) -> Void

        init(_ words: String, _ change: @escaping @Sendable (inout MQTTConfiguration) -> Void) {
            self.words = words
            self.change = change
        }

        var testDescription: String { words }
    }

    static let mistakes = [
        Mistake("host is empty") { $0.host = "" },
        Mistake("port is 0; allowed: 1 to 65535") { $0.port = 0 },
        Mistake("client ID has 0 bytes") { $0.clientID = "" },
        Mistake("keep-alive is 4.0 seconds") { $0.keepAlive = .seconds(4) },
        Mistake("session expiry") { $0.sessionExpiry = .seconds(-1) },
        Mistake("receive maximum is 0") { $0.receiveMaximum = 0 },
        Mistake("65536; allowed: 1 to 65535") { $0.receiveMaximum = 65_536 },
        Mistake("0 messages; allowed: at least 1") { $0.maxBatchMessages = 0 },
        Mistake("0 bytes; allowed: at least 1") { $0.maxBatchBytes = 0 },
        Mistake("10 bytes; allowed: 1024 to") { $0.maxPacketBytes = 10 },
        Mistake("70000; allowed: 1 to") { $0.maxOutboundMessages = 70_000 },
        Mistake("connect timeout") { $0.connectTimeout = .zero },
        Mistake("password requires a user name") { $0.password = "hush" },
        Mistake("back-off") { $0.backoff.cap = .zero },
        Mistake("last will") { $0.lastWill = MQTTPublication("x", to: "a/#") },
        Mistake("birth message") { $0.birth = MQTTPublication("x", to: "") },
        Mistake("certificate and its key must be set together") {
            $0.tls = MQTTTLSConfiguration(certificateFile: "/x")
        },
        Mistake("/no/such/file") { $0.tls = MQTTTLSConfiguration(caFile: "/no/such/file") },
    ]

    @Test("A value out of range is rejected with its name and what is allowed", arguments: mistakes)
    func validates(mistake: Mistake) {
        let configuration = MQTTConfiguration(clientID: "me").with(mistake.change)
        let error = #expect(throws: MQTTError.self) { try configuration.validate() }
        #expect("\(error.map { "\($0)" } ?? "")".contains(mistake.words))
        #expect(throws: MQTTError.self) {
            try MQTTClient(configuration: configuration, loop: MQTTLoop(), logger: .silent)
        }
    }

    @Test("No printed form shows the password")
    func hidesPassword() throws {
        let configuration = try MQTTConfiguration(url: "mqtt://me:hush@broker", clientID: "id")
        #expect("\(configuration)" == "mqtt://me@broker:1883 as id")
        #expect(!String(reflecting: configuration).contains("hush"))
        #expect(!"\([configuration]) \(Optional(configuration) as Any)".contains("hush"))
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("hush"))
    }
}
