import ArgumentParser
import Core
import Foundation
import Gateway
import MQTTTransport
import Telemetry
import WebServer
import WebSocketClient

/// The command `windsock tail`, which prints readings as they arrive.
struct Tail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the readings of rooms as they arrive.",
        discussion: """
            The token comes from --token or WINDSOCK_TOKEN, or is signed with WINDSOCK_JWT_SECRET for this call.
            Example: windsock tail 'sensors/#' --json | jq .data
            """)

    @Argument(help: "Rooms or filters, such as 'sensors/#'.")
    var filters: [String]

    @Option(help: "The gateway's WebSocket URL.")
    var url = "ws://127.0.0.1:8080/ws"

    @Option(help: "The token; prefer WINDSOCK_TOKEN, which other users of the machine cannot see.")
    var token: String?

    @Option(help: "Trusted CA certificates for wss:// (PEM file); default: the system's.")
    var caFile: String?

    @Flag(help: "Print one JSON object per line, for pipes.")
    var json = false

    func run() async throws {
        try await Exit.reporting {
            Signals.ignoreStrays()
            let filters = try Token.filters(self.filters, "FILTER")
            let session = TailSession(
                url: url, token: try await token(for: filters), filters: filters, caFile: caFile,
                printer: ReadingPrinter(json: json))
            try await session.run()
        }
    }

    private func token(for filters: [TopicFilter]) async throws -> String {
        let environment = ProcessInfo.processInfo.environment
        if let token = token ?? environment["WINDSOCK_TOKEN"] { return token }
        guard let secret = environment["WINDSOCK_JWT_SECRET"] else {
            throw ConfigurationError(
                origin: "--token", problem: "a token is required; set --token, WINDSOCK_TOKEN or WINDSOCK_JWT_SECRET")
        }
        return try TokenAuthority(secret: secret).issue(user: "tail", join: filters, lifetime: .seconds(86_400))
    }
}

/// A client that joins rooms and prints their messages. It reconnects after a connection failure, unless the gateway's
/// response or close code forbids it.
struct TailSession {
    let url: String
    let token: String
    let filters: [TopicFilter]
    let caFile: String?
    let printer: ReadingPrinter

    /// Prints messages until an error occurs that a retry cannot fix.
    func run() async throws {
        var backoff = ReconnectBackoff(configuration: .init())
        var random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
        var wasConnected = false
        while true {
            let start = ContinuousClock.now
            var held: Duration?
            do {
                let client = try await WebSocketClient.connect(
                    url: url, subprotocols: ["windsock.v1", "bearer.\(token)"],
                    configuration: WebSocketClientConfiguration(caFile: caFile))
                wasConnected = true
                try await follow(client)
                let closure = await client.closed()
                held = ContinuousClock.now - start
                try Self.check(closure)
                Console.error("windsock: the gateway closed the connection (\(closure.code) \(closure.reason))")
            } catch let error as WebSocketClientError {
                try check(error, wasConnected: wasConnected)
                Console.error("windsock: \(error)")
            }
            try await Task.sleep(for: backoff.next(held: held, random: &random))
        }
    }

    private func follow(_ client: WebSocketClient) async throws {
        for (index, filter) in filters.enumerated() {
            var payload = JSONObjectBuilder()
            payload.add("room_id", filter.rawValue)
            var command = JSONObjectBuilder()
            command.add("type", "join_room")
            command.add("id", "\(index)")
            command.add("payload", object: payload.finished())
            try await client.send(text: String(decoding: command.finished(), as: UTF8.self))
        }
        for try await message in client.messages {
            guard let text = message.text, let envelope = try? JSONParser.parse(Array(text.utf8)) else { continue }
            let payload = envelope["payload"]
            switch envelope["type"]?.stringValue {
            case "data_update": if let payload { printer.print(payload) }
            case "chat_message": if let payload { printer.printChat(payload, at: envelope["timestamp"]?.stringValue) }
            case "device_status": if let payload { printer.printStatus(payload) }
            case "alert": if let payload { printer.printAlert(payload, at: envelope["timestamp"]?.stringValue) }
            case "gap":
                let dropped = payload?["dropped"]?.numberValue ?? 0
                Console.error(
                    "windsock: \(Int(dropped)) readings of \(payload?["room_id"]?.stringValue ?? "") dropped")
            case "error":
                throw Unavailable(description: payload?["message"]?.stringValue ?? "The gateway refused the request.")
            default: continue
            }
        }
    }

    /// Throws for the close codes that forbid reconnecting: 1008 and 4500 to 4599.
    private static func check(_ closure: WebSocketClosure) throws {
        guard (4500...4599).contains(closure.code) || closure.code == 1008 else { return }
        throw Unavailable(description: "The gateway closed the connection: \(closure.code) \(closure.reason)")
    }

    /// Throws for errors that a retry cannot fix. Before the first successful connection, every error is thrown.
    private func check(_ error: WebSocketClientError, wasConnected: Bool) throws {
        // The query may hold a token.
        let address = url.prefix { $0 != "?" }
        switch error {
        case .invalidURL: throw Unavailable(description: error.description)
        case .refused(401, let body):
            let reason = Self.detail(of: body) ?? "it is not valid."
            throw Unavailable(
                description: "The gateway refused the token (401): \(reason) Create another with windsock token.")
        case .refused(404, _):
            throw Unavailable(description: "\(address) is not a gateway's WebSocket (404); expected ws://HOST:PORT/ws.")
        case .refused(let status, let body) where (400..<500).contains(status):
            throw Unavailable(
                description: "The gateway refused the connection (\(status)): \(Self.detail(of: body) ?? "no reason")")
        case .connectionFailed(let reason) where !wasConnected:
            throw Unavailable(
                description: "No gateway answers at \(address): \(reason). Start one with windsock serve, or name "
                    + "another with --url.")
        case .handshakeFailed, .handshakeTimedOut:
            if wasConnected { return }
            throw Unavailable(description: "\(address) does not answer like a gateway: \(error).")
        default:
            if !wasConnected { throw Unavailable(description: error.description) }
        }
    }

    /// Returns the explanation in a problem document (RFC 9457); `nil` for any other text.
    private static func detail(of body: String) -> String? {
        guard let problem = try? JSONParser.parse(Array(body.utf8)) else { return nil }
        return problem["detail"]?.stringValue.map(ReadingPrinter.printable)
    }
}

/// A printer for readings and other room messages: lines of text, or one JSON object each for pipes.
struct ReadingPrinter {
    /// True to print the payload as JSON, just as it arrived.
    let json: Bool

    /// Prints a `data_update`'s payload.
    func print(_ payload: JSONValue) {
        if json {
            var bytes: [UInt8] = []
            payload.append(to: &bytes)
            return Console.print(String(decoding: bytes, as: UTF8.self))
        }
        Console.print(line(of: payload))
    }

    /// Formats a reading: `2026-01-31T12:00:00.000Z  sensors/greenhouse-1  temperature=21.5°C humidity=60%`.
    func line(of payload: JSONValue) -> String {
        let data = payload["data"]
        let time = data?["timestamp"]?.numberValue.flatMap(Timestamp.init(secondsSinceEpoch:))
        let values = (data?.objectValue ?? []).filter { $0.name != "timestamp" }.map { member in
            let unit = payload["units"]?[member.name]?.stringValue ?? ""
            return "\(Self.printable(member.name))=\(Self.text(of: member.value))\(Self.printable(unit))"
        }
        var notes: [String] = []
        if payload["snapshot"]?.boolValue == true { notes.append("latest") }
        if payload["retained"]?.boolValue == true { notes.append("retained") }
        let note = notes.isEmpty ? "" : "  (\(notes.joined(separator: ", ")))"
        let room = Self.printable(payload["room_id"]?.stringValue ?? "?")
        return "\(time?.rfc3339 ?? "-")  \(room)  \(values.joined(separator: " "))\(note)"
    }

    /// Prints a `chat_message`'s payload: `2026-01-31T12:00:00.000Z  chat/lobby  ann: hello`.
    func printChat(_ payload: JSONValue, at timestamp: String?) {
        if json { return print(payload) }
        let parts = ["room_id", "user_id", "content"].map { Self.printable(payload[$0]?.stringValue ?? "?") }
        Console.print("\(Self.printable(timestamp ?? "-"))  \(parts[0])  \(parts[1]): \(parts[2])")
    }

    /// Prints that a device went online or offline. Prints nothing in JSON mode, whose consumers expect readings.
    func printStatus(_ payload: JSONValue) {
        if json { return }
        let parts = ["since", "room_id", "status", "reason"].map { Self.printable(payload[$0]?.stringValue ?? "?") }
        Console.print("\(parts[0])  \(parts[1])  is \(parts[2]) (\(parts[3]))")
    }

    /// Prints an alert's change of state: `2026-01-31T12:00:00.000Z  sensors/greenhouse-1  critical alert firing: …`.
    /// Prints nothing in JSON mode.
    func printAlert(_ payload: JSONValue, at timestamp: String?) {
        if json { return }
        let alert = payload["alert"]
        let parts = ["severity", "state", "message"].map { Self.printable(alert?[$0]?.stringValue ?? "?") }
        let room = Self.printable(payload["room_id"]?.stringValue ?? "?")
        Console.print(
            "\(Self.printable(timestamp ?? "-"))  \(room)  \(parts[0]) alert \(parts[1]): \(parts[2])")
    }

    private static func text(of value: JSONValue) -> String {
        var bytes: [UInt8] = []
        value.append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Removes control characters. Devices and users choose these texts, which must not control the terminal.
    static func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { !$0.properties.isControl }))
    }
}

extension Unicode.Scalar.Properties {
    fileprivate var isControl: Bool { generalCategory == .control || generalCategory == .format }
}
