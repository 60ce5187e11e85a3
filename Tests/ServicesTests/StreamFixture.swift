import CoreMetrics
import Logging
import MQTTTransport
import NIOCore
import NIOEmbedded
import Realtime
import Synchronization
import Telemetry

@testable import Services

/// A stream into a hub with one client, on a loop that runs when it is told to.
final class StreamFixture {
    /// What a client got: the payloads, in order.
    final class Sink: ClientSink {
        var payloads: [String] = []
        var roundTripTime: TimeAmount? { nil }
        var isWritable: Bool { true }
        func write(_ frames: ByteBuffer) {
            payloads += String(buffer: frames).split(separator: "\n").map(String.init)
        }
        func flush() {}
        func close(code: CloseCode, reason: String) {}
        func sweep(at now: NIODeadline) {}
    }

    /// One payload a line, so that joined frames can be told apart.
    struct Encoder: MessageEncoder {
        func encode(_ message: Message) -> ByteBuffer {
            ByteBuffer(string: String(decoding: message.payload, as: UTF8.self) + "\n")
        }
    }

    final class Clock: WallClock {
        private let seconds = Mutex(1000.0)
        func set(_ value: Double) { seconds.withLock { $0 = value } }
        func now() -> Timestamp {
            Timestamp(secondsSinceEpoch: seconds.withLock { $0 }) ?? .init(nanosecondsSinceEpoch: 0)
        }
    }

    let loop = EmbeddedEventLoop()
    let clock = Clock()
    let sink = Sink()
    let hub: Hub
    let stream: DataStreamService
    let client: HubClient

    init(maxDevices: Int = 100) {
        hub = Hub(
            eventLoops: [loop], encoder: Encoder(), metrics: HubMetrics(factory: NOOPMetricsHandler.instance),
            clock: clock)
        stream = DataStreamService(hub: hub, configuration: .init(maxDevices: maxDevices), clock: clock)
        client = hub.shards[0].connect(id: "c", user: "u", sink: sink)
    }

    func join(_ filter: String) throws {
        stream.join(client, on: hub.shards[0], filter: try TopicFilter(filter)) { [clock] members in
            Message(type: .joined, payload: Array("joined \(members.clients)".utf8), timestamp: clock.now())
        } completion: {
        }
    }

    /// What came since the last call.
    func received() -> [String] {
        loop.run()
        defer { sink.payloads = [] }
        return sink.payloads
    }

    static func reading(
        _ device: String, _ metrics: [(String, Double)], at seconds: Double = 1000, unit: String? = nil,
        retained: Bool = false, hasDeviceTime: Bool = false
    ) throws -> Reading {
        let time = Timestamp(secondsSinceEpoch: seconds) ?? Timestamp(nanosecondsSinceEpoch: 0)
        guard let id = DeviceID(device) else { throw MQTTError.stopped }
        return Reading(
            device: id, room: "sensors/\(device)",
            metrics: metrics.map { Metric(name: $0.0, value: $0.1, unit: unit) }, time: time, receivedAt: time,
            hasDeviceTime: hasDeviceTime, isRetained: retained)
    }
}
