import Core
import CoreMetrics
import Logging
import MQTTTransport
import NIOCore
import NIOEmbedded
import Realtime
import Telemetry
import TestSupport
import Tracing

@testable import Services

/// A stream into a hub with one client, on a manually run loop.
final class StreamFixture {
    /// Records the payloads that a client received, in order.
    final class Sink: ClientSink {
        var payloads: [String] = []
        var roundTripTime: TimeAmount? { nil }
        var isWritable = true
        var closed: CloseCode?
        func write(_ frames: ByteBuffer) {
            payloads += String(buffer: frames).split(separator: "\n").map(String.init)
        }
        func flush() {}
        func close(code: CloseCode, reason: String) { closed = code }
        func chargeReplay(_ cost: Int) -> TimeAmount { .zero }
        func sweep(at now: NIODeadline) {}
    }

    /// Encodes one payload per line, so that joined frames can be told apart.
    struct Encoder: MessageEncoder {
        func encode(_ message: Message) -> ByteBuffer {
            ByteBuffer(string: String(decoding: message.payload, as: UTF8.self) + "\n")
        }
    }

    final class Clock: WallClock {
        private let seconds = Lock(1000.0)
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

    init(
        maxDevices: Int = 100, offlineAfter: Duration? = .seconds(300), tracing: HubTracing? = nil,
        tracer: (any Tracer)? = nil
    ) {
        hub = Hub(
            loops: [HubLoop(loop, turns: LoopTurns(loop))], encoder: Encoder(),
            metrics: HubMetrics(factory: NOOPMetricsHandler.instance),
            tracing: tracing, clock: clock)
        stream = DataStreamService(
            hub: hub, configuration: .init(maxDevices: maxDevices, offlineAfter: offlineAfter), tracer: tracer,
            clock: clock)
        client = hub.shards[0].connect(id: "c", user: "u", sink: sink)
    }

    func join(_ filter: String) throws {
        stream.join(client, on: hub.shards[0], filter: try TopicFilter(filter)) { [clock] members in
            Message(type: .joined, payload: Array("joined \(members.clients)".utf8), timestamp: clock.now())
        } completion: {
        }
    }

    /// Returns the payloads since the last call.
    func received() -> [String] {
        loop.run()
        defer { sink.payloads = [] }
        return sink.payloads
    }

    /// Returns the payloads since the last call, except `device_status`.
    func receivedReadings() -> [String] {
        received().filter { !$0.contains(#""status":""#) }
    }

    /// Returns the `device_status` messages since the last call, as `a online reading`. Snapshot messages have
    /// ` snapshot` appended.
    func receivedStatuses() -> [String] {
        received().compactMap { text in
            guard let payload = try? JSONParser.parse(Array(text.utf8)),
                let status = payload["status"]?.stringValue
            else { return nil }
            let words = [payload["device"]?.stringValue ?? "?", status, payload["reason"]?.stringValue ?? "?"]
            return (words + (payload["snapshot"] == .bool(true) ? ["snapshot"] : [])).joined(separator: " ")
        }
    }

    /// Sweeps every second up to `end`, as the gateway does.
    func sweep(until end: Double, isListening: Bool = true) {
        var now = clock.now().secondsSinceEpoch
        while now < end {
            now = min(now + 1, end)
            clock.set(now)
            stream.sweep(now: clock.now(), isListening: isListening)
        }
    }

    /// Publishes a reading received now.
    func publish(_ device: String, _ metric: String = "t", retained: Bool = false) throws {
        stream.publish([
            try Self.reading(device, [(metric, 1)], at: clock.now().secondsSinceEpoch, retained: retained)
        ])
    }

    /// Publishes a status received now.
    func report(_ device: String, isOnline: Bool, rooms: [String]? = nil, retained: Bool = false) throws {
        guard let id = DeviceID(device) else { throw MQTTError.stopped }
        stream.publish([
            StatusReport(
                device: id, rooms: rooms ?? ["sensors/\(device)"], isOnline: isOnline, receivedAt: clock.now(),
                isRetained: retained)
        ])
    }

    /// Returns the device's availability as in `GET /api/devices`: `online reading 1000`.
    func availability(of device: String) -> String? {
        stream.devices { _ in true }.first { $0.device.rawValue == device }?.availability.map {
            "\($0.status.rawValue) \($0.reason.rawValue) \(Int($0.since.secondsSinceEpoch))"
        }
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

extension DataStreamService {
    /// Publishes readings without a message trace.
    func publish(_ readings: [Reading]) {
        publish(readings.map { IngestedReading($0) })
    }
}
