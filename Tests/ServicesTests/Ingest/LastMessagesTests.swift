import Core
import MQTTTransport
import Telemetry
import Testing

@testable import Services

/// The last message of each device is kept within limits of bytes.
@Suite("Last messages of devices")
struct LastMessagesTests {
    private static func item(_ devices: [String], _ payload: String) throws -> IngestItem {
        IngestItem(
            message: MQTTMessage(topic: "sensors/\(devices[0])", payload: Array(payload.utf8)),
            content: .readings(try devices.map { IngestedReading(try StreamFixture.reading($0, [("t", 1)])) }))
    }

    private static func key(_ device: String) -> DeviceKey {
        DeviceKey(room: "sensors/\(device)", device: device)
    }

    @Test("The last message is kept for every device in it, and its payload is cut at 4 KiB")
    func kept() throws {
        let messages = LastMessages()
        let long = String(repeating: "x", count: 5000)
        messages.record([try Self.item(["a", "b"], "first"), try Self.item(["a"], long)])
        let first = try #require(messages.message(of: Self.key("a")))
        #expect(first.payload.count == 4096 && first.payloadByteCount == 5000 && first.topic == "sensors/a")
        #expect(messages.message(of: Self.key("b"))?.payload == Array("first".utf8))
        #expect(messages.message(of: Self.key("c")) == nil)
    }

    @Test("Beyond the budget, the messages of the devices silent longest are evicted")
    func bounded() throws {
        let messages = LastMessages(maxBytes: 20_000)
        let payload = String(repeating: "x", count: 4000)
        for number in 0..<100 {
            messages.record([try Self.item(["d\(number)"], payload), try Self.item(["steady"], "1")])
            #expect(messages.byteCount <= 20_000)
        }
        #expect(messages.message(of: Self.key("steady")) != nil)
        #expect(messages.message(of: Self.key("d99")) != nil)
        #expect(messages.message(of: Self.key("d0")) == nil)
    }
}
