import Testing

@testable import MQTTTransport

@Suite("The DUP flag, as parsed from the library's log")
struct DuplicateFlagsTests {
    private static func flags(_ lines: [String], clientID: String = "me") -> DuplicateFlags {
        var flags = DuplicateFlags(clientID: clientID)
        flags.listen()
        for line in lines { flags.logged(line) }
        return flags
    }

    private static func line(_ flag: Int, _ packetID: Int, qos: Int = 1, topic: String = "t") -> String {
        "Client me received PUBLISH (d\(flag), q\(qos), r0, m\(packetID), '\(topic)', ... (5 bytes))"
    }

    @Test("Each message has the flag of its log line, up to the first without the flag")
    func reads() {
        var flags = Self.flags([Self.line(1, 65_535), "Client me sending PUBACK (m65535, rc0)"])
        let first = flags.flag(of: 65_535)
        #expect(first == true && flags.isListening)
        flags.logged(Self.line(0, 1))
        let second = flags.flag(of: 1)
        #expect(second == false && !flags.isListening)
        flags.logged(Self.line(1, 2))
        let third = flags.flag(of: 2)
        #expect(third == nil)
    }

    @Test("QoS 0 messages in between do not affect the flags of others")
    func bestEffort() {
        var flags = Self.flags([Self.line(0, 0, qos: 0), Self.line(1, 7), Self.line(0, 0, qos: 0)])
        let flag = flags.flag(of: 7)
        #expect(flag == true)
    }

    @Test(
        "After a log line with an unexpected format, message id or client, the flag is unknown and parsing stops",
        arguments: [
            "", "Client me received PUBLISH", "Client me received PUBLISH (d", "Client me received PUBLISH (d1)",
            "Client me received PUBLISH (d2, q1, r0, m7, 't', ... (5 bytes))",
            "Client me received PUBLISH (d1, q1, r0, m70000, 't', ... (5 bytes))",
            "Client me received PUBLISH (d1, q1, r0, m8, 't', ... (5 bytes))",
            "Client me received PUBLISH (m7, d1, q1, r0, 't', ... (5 bytes))",
            "Client you received PUBLISH (d1, q1, r0, m7, 't', ... (5 bytes))",
            "me: Received PUBLISH (d1, q1, r0, m7, 't', ... (5 bytes))",
            "Client me sending PUBLISH (d1, q1, r0, m7, 't', ... (5 bytes))",
        ])
    func unknown(line: String) {
        var flags = Self.flags([line])
        let flag = flags.flag(of: 7)
        #expect(flag == nil && !flags.isListening)
    }

    @Test("Neither a topic nor a client id can forge a flag")
    func pretended() {
        let pretence = Self.line(1, 7)
        var flags = Self.flags([Self.line(0, 7, topic: pretence)])
        let flag = flags.flag(of: 7)
        #expect(flag == false)
        let line = "Client \(pretence) received PUBLISH (d0, q1, r0, m7, 't', ... (5 bytes))"
        flags = Self.flags([line], clientID: pretence)
        let other = flags.flag(of: 7)
        #expect(other == false)
    }
}
