import Core
import DeviceSimulator
import Gateway
import MQTTTransport
import Storage
import Telemetry

/// The made-up readings of the days before the demo began, so that its long ranges are not empty.
///
/// They come from the devices' own profiles and pass the gateway's decoder, as live readings do. The minutes of a
/// simulated day are stretched to a whole one.
struct DemoPast {
    /// A part of the past: how old its samples are, and the time between them.
    private struct Part {
        var ages: ClosedRange<Duration>
        var interval: Duration
    }

    /// The further back, the fewer samples. Recent minutes are left to the live devices.
    private static let parts = [
        Part(ages: .seconds(86_400)...(.seconds(7 * 86_400)), interval: .seconds(1800)),
        Part(ages: .seconds(3600)...(.seconds(86_400)), interval: .seconds(180)),
        // Ends less than 10 minutes before the start: ClockLeapGuard takes a longer gap for a leap of the clock.
        Part(ages: .seconds(540)...(.seconds(3600)), interval: .seconds(20)),
    ]
    /// Eight minutes, the day of the shipped devices, become 24 hours.
    private static let slowness = 180
    private static let readingsPerTransaction = 5000

    let profiles: [DeviceProfile]
    let configuration: GatewayConfiguration

    /// Stores the readings in the data directory, before the gateway opens it.
    func store(until now: Timestamp) throws {
        let database = try Database(writingBesideGatewayIn: configuration.dataDirectory)
        defer { try? database.close() }
        let store = ReadingStore(maxSeries: configuration.storage.maxSeries)
        var decoder = TelemetryDecoder(
            routes: configuration.routes, statusRoutes: configuration.statusRoutes, limits: configuration.decodingLimits
        )
        let times = Self.times(until: now)
        var waiting: [Reading] = []
        func flush() throws {
            _ = try database.write { try store.append(waiting, in: $0) }
            waiting.removeAll(keepingCapacity: true)
        }
        for device in profiles.flatMap({ $0.devices() }) {
            for message in device.past(at: times, slowness: Self.slowness) {
                // A topic that no route of the user's own takes has no live readings, either.
                let readings = try? decoder.decode(
                    topic: message.publication.topic, payload: message.publication.payload, receivedAt: message.time)
                waiting += readings ?? []
            }
            if waiting.count >= Self.readingsPerTransaction { try flush() }
        }
        try flush()
    }

    /// The times of the samples, ascending.
    private static func times(until now: Timestamp) -> [Timestamp] {
        parts.flatMap { part in
            let length = part.ages.upperBound - part.ages.lowerBound
            return (0..<Int(length / part.interval)).map { index in
                now.advanced(by: part.interval * index - part.ages.upperBound)
            }
        }
    }
}
