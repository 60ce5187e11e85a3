import Foundation
import MQTTTransport
import Telemetry
import WebSocketClient

/// Joins rooms and prints what they say; connects again when the connection breaks, unless the gateway says not to.
struct TailSession {
    let url: String
    let token: String
    let filters: [TopicFilter]
    let caFile: String?
    let printer: ReadingPrinter

    /// Ends only by an error that trying again does not mend.
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
                try Self.check(error, wasConnected: wasConnected)
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
                    "windsock: \(Int(dropped)) readings of \(payload?["room_id"]?.stringValue ?? "") left out")
            case "error":
                throw Unavailable(description: payload?["message"]?.stringValue ?? "The gateway refused.")
            default: continue
            }
        }
    }

    /// 45xx and 1008 mean: do not come back.
    private static func check(_ closure: WebSocketClosure) throws {
        guard (4500...4599).contains(closure.code) || closure.code == 1008 else { return }
        throw Unavailable(description: "The gateway closed the connection: \(closure.code) \(closure.reason)")
    }

    /// Before the first connection every failure is told at once instead of tried again.
    private static func check(_ error: WebSocketClientError, wasConnected: Bool) throws {
        switch error {
        case .invalidURL: throw Unavailable(description: error.description)
        case .refused(let status, _) where (400..<500).contains(status):
            throw Unavailable(description: error.description)
        default:
            if !wasConnected { throw Unavailable(description: error.description) }
        }
    }
}
