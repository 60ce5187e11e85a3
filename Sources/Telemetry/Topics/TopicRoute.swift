/// Which topics carry readings, how their payloads are written, and which rooms they go to.
///
/// A pattern is a topic filter in which a level may be a capture: `sensors/{device}/{metric}`. Every capture is exactly
/// one level that is not empty; bare `+` and a final `#` are allowed too, and so is `$share/{group}/` in front, where
/// the group is plain text. `{device}` and `{metric}` name the device and the metric of what the payload says, the
/// others can be used in the room.
package struct TopicRoute: Hashable, Sendable, CustomStringConvertible {
    enum Level: Hashable, Sendable {
        case text(String)
        case capture(String)
        /// `+`
        case any
        /// `#`
        case rest
    }

    /// The pattern as it was given.
    package let pattern: String
    package let convention: PayloadConvention
    package let room: RoomTemplate
    /// The quality of service to subscribe with: 0 or 1.
    package let qos: Int
    /// Whether temperatures in °F become °C; otherwise units stay as the device has them.
    package let convertsFahrenheit: Bool
    /// Whether payloads may name other devices than the topic's: for gateways that everybody trusts. Of no consequence
    /// where the pattern has no `{device}`.
    package let allowsForeignDevices: Bool
    /// What to subscribe to: the pattern with `+` for every capture.
    package let filter: TopicFilter

    let levels: [Level]

    /// The routes of a gateway that has none configured; the first that matches a topic decides.
    package static let defaults: [TopicRoute] = [
        "sensors/{device}/{metric}", "sensors/{device}", "devices/{device}/telemetry", "tele/{device}/SENSOR",
        "zigbee2mqtt/{device}",
    ].compactMap { try? TopicRoute(pattern: $0) }

    /// Throws ``TopicRouteError`` when the pattern or the room is wrong, or QoS is neither 0 nor 1.
    package init(
        pattern: String,
        convention: PayloadConvention = .auto,
        room: String = RoomTemplate.standard.description,
        qos: Int = 1,
        convertsFahrenheit: Bool = false,
        allowsForeignDevices: Bool = false
    ) throws(TopicRouteError) {
        do throws(TopicRouteError.Problem) {
            guard (0...1).contains(qos) else { throw TopicRouteError.Problem.badQoS(qos) }
            let plain = try Self.plainFilter(of: pattern)
            let levels = plain.levels.map(Self.level)
            self.room = try RoomTemplate(room, captures: Self.captureNames(in: levels))
            self.filter = try Self.subscription(to: levels, group: plain.shareGroup)
            self.levels = levels
        } catch {
            throw TopicRouteError(pattern: pattern, room: room, problem: error)
        }
        self.pattern = pattern
        self.convention = convention
        self.qos = qos
        self.convertsFahrenheit = convertsFahrenheit
        self.allowsForeignDevices = allowsForeignDevices
    }

    package var description: String { pattern }

    /// The names of the pattern's captures, from left to right.
    package var captureNames: [String] {
        levels.compactMap { if case .capture(let name) = $0 { name } else { nil } }
    }
}

extension Sequence<TopicRoute> {
    /// The first levels of the routes' rooms: what makes a room a telemetry room.
    package var telemetryRoots: Set<String> { Set(map(\.room.root)) }
}

extension TopicRoute {
    /// The pattern read as a filter, for which a capture is plain text.
    private static func plainFilter(of pattern: String) throws(TopicRouteError.Problem) -> TopicFilter {
        do throws(TopicFilterError) {
            return try TopicFilter(pattern)
        } catch {
            throw .badFilter(error.problem)
        }
    }

    private static func level(_ text: String) -> Level {
        switch text {
        case "+": .any
        case "#": .rest
        default: captureName(in: text).map(Level.capture) ?? .text(text)
        }
    }

    /// The name in a level that is one whole capture, else `nil`.
    static func captureName(in level: some StringProtocol) -> String? {
        guard level.count > 2, level.first == "{", level.last == "}" else { return nil }
        let name = level.dropFirst().dropLast()
        let isName = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isName ? String(name) : nil
    }

    private static func captureNames(in levels: [Level]) throws(TopicRouteError.Problem) -> [String] {
        var names: [String] = []
        for level in levels {
            switch level {
            case .capture(let name):
                if names.contains(name) { throw .duplicateCapture(name) }
                names.append(name)
            case .text(let text) where text.contains("{") || text.contains("}"): throw .badCapture(text)
            default: continue
            }
        }
        return names
    }

    private static func subscription(
        to levels: [Level], group: String?
    ) throws(TopicRouteError.Problem) -> TopicFilter {
        let filter = levels.map { level in
            switch level {
            case .text(let text): text
            case .capture, .any: "+"
            case .rest: "#"
            }
        }.joined(separator: "/")
        return try plainFilter(of: group.map { "$share/\($0)/\(filter)" } ?? filter)
    }
}
