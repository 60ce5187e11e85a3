import Core
import Foundation
import Hummingbird
import Services
import Storage
import Telemetry

/// The route `GET /api/devices/{device}`. It returns everything that the gateway knows about one device.
///
/// Only rooms that the token's `join` grants count. A device that is in none of them is reported as not found. Dead
/// letters have topics instead of rooms, and a message may have readings of several rooms, so both are included only for
/// tokens that may join `#`.
struct DeviceRoutes {
    private static let maxAlerts = 50
    private static let maxLetters = 5
    /// The rooms in memory, and the stored rooms, of which the values are merged. More than one is unusual.
    private static let maxRooms = 16

    let services: HubServices
    var clock: any WallClock = SystemWallClock()

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.get("devices/{device}", use: device)
    }

    @Sendable private func device(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let grants = try context.requireIdentity().grants
        let name = context.parameters.get("device")?.removingPercentEncoding ?? ""
        let stored = try await services.readings.states(of: name, maxRooms: Self.maxRooms) { grants.canSee(room: $0) }
        let live = services.stream.devices(named: name, maxRooms: Self.maxRooms) { grants.canSee(room: $0) }
        guard let overview = DeviceOverview(live: live, stored: stored, at: clock.now()) else {
            throw Problem(.notFound, "There is no device \"\(name.prefix(128))\" in a room that the token may join.")
        }
        var body = JSONObjectBuilder()
        body.add("device", name)
        overview.add(to: &body)
        let query = AlertQuery(states: [.pending, .firing], device: name, limit: Self.maxAlerts)
        let alerts = try await services.alerts.page(query) { grants.canSee(room: $0) }
        body.add("alerts", objects: alerts.alerts.lazy.map(AlertPayload.object))
        if grants.canJoinEverything {
            let letters = try await services.deadLetters.letters(of: name, limit: Self.maxLetters)
            body.add("dead_letter_count", letters.count)
            body.add("dead_letters", objects: letters.recent.lazy.map { $0.json(device: name) })
            let messages = overview.rooms.compactMap {
                services.lastMessages.message(of: DeviceKey(room: $0, device: name))
            }
            if let message = messages.max(by: { $0.receivedAt < $1.receivedAt }) {
                body.add("last_message", object: message.json)
            }
        }
        let ignored = overview.rooms.flatMap { services.ignoredFields.fields(of: DeviceKey(room: $0, device: name)) }
        body.add("ignored_fields", objects: ignored.prefix(IgnoredFields.maximumFieldCount).lazy.map(\.json))
        return .json(body.finished())
    }
}

/// A device across its rooms: the newest value of each metric, and the status of the room in which it was seen last.
private struct DeviceOverview {
    /// The newest value of a metric, and its room.
    private struct Value {
        let metric: Metric
        let time: Timestamp
        /// `nil` when the age is unknown.
        let ageMilliseconds: Int64?
        let room: String
    }

    /// Sorted by name.
    let rooms: [String]
    private let firstSeen: Timestamp?
    private let lastSeen: Timestamp
    private let interval: Duration?
    private let availability: DeviceAvailability?
    private var values: [String: Value] = [:]

    /// Merges the device's states in memory and in the database. In a room with both, that in memory counts. Returns
    /// `nil` when there are none.
    init?(live: [DeviceSummary], stored: [StoredDeviceState], at now: Timestamp) {
        let seen = live.map(\.lastSeen) + stored.map(\.device.lastSeen)
        guard let lastSeen = seen.max() else { return nil }
        let latest = live.max { $0.lastSeen < $1.lastSeen }
        rooms = Set(live.map(\.room) + stored.map(\.device.room)).sorted()
        firstSeen = stored.map(\.device.firstSeen).min()
        self.lastSeen = lastSeen
        interval = latest?.interval
        availability = latest?.availability
        for summary in live {
            for value in summary.values {
                add(
                    Value(
                        metric: value.metric, time: value.time, ageMilliseconds: value.ageMilliseconds,
                        room: summary.room))
            }
        }
        let liveRooms = Set(live.map(\.room))
        for state in stored where !liveRooms.contains(state.device.room) {
            for values in state.values {
                let age = max(0, Int64(now.since(values.time).wholeMilliseconds))
                for metric in values.metrics {
                    add(Value(metric: metric, time: values.time, ageMilliseconds: age, room: state.device.room))
                }
            }
        }
    }

    private mutating func add(_ value: Value) {
        if let known = values[value.metric.name], known.time >= value.time { return }
        values[value.metric.name] = value
    }

    func add(to object: inout JSONObjectBuilder) {
        object.add("rooms", array: rooms)
        if let firstSeen { object.add("first_seen", firstSeen.secondsSinceEpoch) }
        object.add("last_seen", lastSeen.secondsSinceEpoch)
        if let interval { object.add("interval_ms", interval.wholeMilliseconds) }
        if let availability { object.add(availability) }
        let metrics = values.values.sorted { $0.metric.name < $1.metric.name }
        object.add(
            "metrics",
            objects: metrics.lazy.map { value in
                var object = JSONObjectBuilder()
                object.add("name", value.metric.name)
                object.add("value", value.metric.value)
                if let unit = value.metric.unit { object.add("unit", unit) }
                object.add("time", value.time.secondsSinceEpoch)
                if let age = value.ageMilliseconds { object.add("age_ms", Int(age)) }
                object.add("room_id", value.room)
                return object.finished()
            })
    }
}

extension IgnoredFields.Field {
    /// An element of `ignored_fields` of `GET /api/devices/{device}`.
    fileprivate var json: [UInt8] {
        var object = JSONObjectBuilder()
        object.add("name", name)
        object.add("kind", kind.rawValue)
        object.add("count", count)
        return object.finished()
    }
}

extension LastMessages.Message {
    /// The message as `last_message` of `GET /api/devices/{device}`.
    fileprivate var json: [UInt8] {
        var object = JSONObjectBuilder()
        object.add("topic", topic)
        object.add(payload: payload, of: payloadByteCount)
        object.add("retained", isRetained)
        object.add("received_at", time: receivedAt)
        return object.finished()
    }
}
