import Core

/// A mapping from a set of telemetry topics to a payload convention and a room.
///
/// The pattern is a topic filter in which a level may be a capture: `sensors/{device}/{metric}`. A capture matches
/// exactly one level, which must not be empty. Bare `+`, a final `#` and a leading `$share/{group}/` are allowed too;
/// the group is plain text. `{device}` and `{metric}` name the device and the metric of the payload. The room template
/// may use any capture.
package struct TopicRoute: Hashable, Sendable, CustomStringConvertible {
    enum Level: Hashable, Sendable {
        case text(String)
        case capture(String)
        /// `+`
        case any
        /// `#`
        case rest
    }

    /// The pattern as configured.
    package let pattern: String
    package let convention: PayloadConvention
    package let room: RoomTemplate
    /// The subscription's quality of service: 0 or 1.
    package let qos: Int
    /// True when temperatures in °F are converted to °C. Other units stay as the device sends them.
    package let convertsFahrenheit: Bool
    /// True when payloads may name devices other than the topic's, for gateways that are trusted to do so. It has no
    /// effect if the pattern does not capture `{device}`.
    package let allowsForeignDevices: Bool
    /// The paths of values in the payload and the changes to metrics; `nil` if the convention alone decides.
    package let mapping: PayloadMapping?
    /// The subscription filter: the pattern with `+` in place of every capture.
    package let filter: TopicFilter

    let levels: [Level]

    /// The routes of a gateway without configured routes. The first one that matches a topic decides.
    package static let defaults: [TopicRoute] =
        [
            "sensors/{device}/{metric}", "sensors/{device}", "devices/{device}/telemetry", "tele/{device}/SENSOR",
            "zigbee2mqtt/{device}",
        ].compactMap { try? TopicRoute(pattern: $0) } + conventionDefaults

    /// The routes among ``defaults`` for the topics of single projects. A gateway also works without them, so a broker
    /// may refuse their subscriptions.
    ///
    /// Prefixes of later Shelly generations and of ESPHome are chosen by the user, so those routes begin with a capture
    /// and are the last ones. Their decoders ignore messages of other systems that have the same topics.
    package static let conventionDefaults: [TopicRoute] = {
        let routes: [(pattern: String, convention: PayloadConvention)] = [
            ("tele/{device}/STATE", .tasmota), ("stat/{device}/STATUS8", .tasmota),
            ("stat/{device}/STATUS10", .tasmota),
            ("stat/{device}/STATUS11", .tasmota), ("zigbee2mqtt/#", .zigbee2mqtt), ("shellies/{device}/#", .shelly),
            ("v3/+/devices/{device}/up", .ttn), ("application/+/device/{device}/event/up", .chirpstack),
            ("owntracks/+/+", .owntracks), ("telegraf/{device}/+", .auto),
            ("homeassistant/sensor/{device}/state", .auto), ("homeassistant/binary_sensor/{device}/state", .auto),
            ("homeassistant/switch/{device}/state", .auto),
            ("{device}/events/rpc", .shelly), ("{device}/status/+", .shelly),
            ("{device}/sensor/{metric}/state", .esphome), ("{device}/binary_sensor/{metric}/state", .esphome),
            ("{device}/switch/{metric}/state", .esphome),
        ]
        return routes.compactMap { try? TopicRoute(pattern: $0.pattern, convention: $0.convention) }
    }()

    /// Creates a route.
    ///
    /// - Throws: ``TopicError`` if the pattern or the room template is invalid, or `qos` is neither 0 nor 1.
    package init(
        pattern: String,
        convention: PayloadConvention = .auto,
        room: String = RoomTemplate.standard.description,
        qos: Int = 1,
        convertsFahrenheit: Bool = false,
        allowsForeignDevices: Bool = false,
        mapping: PayloadMapping? = nil
    ) throws(TopicError) {
        guard (0...1).contains(qos) else { throw TopicError(.route, pattern, .badQoS(qos)) }
        let plain = try Self.plainFilter(pattern, of: pattern)
        let levels = plain.levels.map(Self.level)
        self.room = try RoomTemplate(room, of: pattern, captures: Self.captureNames(in: levels, of: pattern))
        self.filter = try Self.subscription(to: levels, group: plain.shareGroup, of: pattern)
        self.levels = levels
        self.pattern = pattern
        self.convention = convention
        self.qos = qos
        self.convertsFahrenheit = convertsFahrenheit
        self.allowsForeignDevices = allowsForeignDevices
        self.mapping = mapping
    }

    package var description: String { pattern }

    /// The names of the pattern's captures, from left to right.
    package var captureNames: [String] {
        levels.compactMap { if case .capture(let name) = $0 { name } else { nil } }
    }

    /// Returns the values of the pattern's captures in `topic`, or `nil` if the topic does not match.
    ///
    /// A capture needs a level that is not empty. As in any filter, a capture or wildcard in the first level does not
    /// match a topic that begins with `$`.
    package func captures(in topic: String) -> [String: String]? {
        // Extra levels beyond the pattern's are left unsplit.
        let topicLevels = topic.split(
            separator: "/", maxSplits: levels.count, omittingEmptySubsequences: false)
        guard let first = topicLevels.first else { return nil }
        if first.utf8.first == UInt8(ascii: "$"), levels[0].isWildcard { return nil }
        var captures: [String: String] = [:]
        for (index, level) in levels.enumerated() {
            if level == .rest { return captures }
            guard index < topicLevels.count else { return nil }
            switch level {
            case .text(let text): if !text.utf8.elementsEqual(topicLevels[index].utf8) { return nil }
            case .capture(let name):
                if topicLevels[index].isEmpty { return nil }
                captures[name] = String(topicLevels[index])
            case .any, .rest: continue
            }
        }
        return topicLevels.count == levels.count ? captures : nil
    }

    /// Returns the levels of a matching topic that the final `#` stands for; `nil` if there is none.
    package func rest(of topic: String) -> String? {
        guard levels.last == .rest else { return nil }
        let topicLevels = topic.split(separator: "/", maxSplits: levels.count - 1, omittingEmptySubsequences: false)
        return topicLevels.count == levels.count ? topicLevels.last.map(String.init) : nil
    }
}

extension Sequence<TopicRoute> {
    /// Returns the device that a topic names by the first route that matches it; `nil` when no route matches, or the
    /// route leaves the device to the payload.
    package func device(ofTopic topic: String) -> String? {
        lazy.compactMap { $0.captures(in: topic) }.first?["device"]
    }

    /// The first levels of the routes' rooms. A room below one of them is a telemetry room.
    package var telemetryRoots: Set<String> { Set(map(\.room.root)) }
}

extension TopicRoute {
    /// Parses a filter that is the pattern itself, with captures as plain text, or that is made from it.
    private static func plainFilter(_ text: String, of pattern: String) throws(TopicError) -> TopicFilter {
        do throws(TopicError) {
            return try TopicFilter(text)
        } catch {
            throw TopicError(.route, pattern, error.problem)
        }
    }

    private static func level(_ text: String) -> Level {
        switch text {
        case "+": .any
        case "#": .rest
        default: captureName(in: text).map(Level.capture) ?? .text(text)
        }
    }

    /// Returns the capture's name if the whole level is one capture, else `nil`.
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

    private static func captureNames(in levels: [Level], of pattern: String) throws(TopicError) -> [String] {
        var names: [String] = []
        for level in levels {
            switch level {
            case .capture(let name):
                if names.contains(name) { throw TopicError(.route, pattern, .duplicateCapture(name)) }
                names.append(name)
            case .text(let text) where text.contains("{") || text.contains("}"):
                throw TopicError(.route, pattern, .badCapture(text))
            default: continue
            }
        }
        return names
    }

    private static func subscription(
        to levels: [Level], group: String?, of pattern: String
    ) throws(TopicError) -> TopicFilter {
        let filter = levels.map { level in
            switch level {
            case .text(let text): text
            case .capture, .any: "+"
            case .rest: "#"
            }
        }.joined(separator: "/")
        return try Self.plainFilter(group.map { "$share/\($0)/\(filter)" } ?? filter, of: pattern)
    }
}

extension TopicRoute.Level {
    fileprivate var isWildcard: Bool {
        if case .text = self { false } else { true }
    }
}

/// A template for the rooms of a route's readings. Each level is either text or a capture, as in `sensors/{device}`.
package struct RoomTemplate: Hashable, Sendable, CustomStringConvertible {
    package enum Level: Hashable, Sendable {
        case text(String)
        case capture(String)
    }

    /// `sensors/{device}`.
    package static let standard = RoomTemplate(levels: [.text("sensors"), .capture("device")])

    package let levels: [Level]

    private init(levels: [Level]) {
        self.levels = levels
    }

    /// Parses the template of the route with this pattern. It may use `captures`, and always `device`, because payloads
    /// can name devices too.
    ///
    /// The first level must be plain text. It marks the room as a telemetry room, to which clients cannot send.
    init(_ text: String, of pattern: String, captures: [String]) throws(TopicError) {
        func bad(_ what: String) -> TopicError { TopicError(.route, pattern, .badRoom(text, what)) }
        var levels: [Level] = []
        for part in text.split(separator: "/", omittingEmptySubsequences: false) {
            if part.isEmpty { throw bad("has an empty level") }
            if let name = TopicRoute.captureName(in: part) {
                guard name == "device" || captures.contains(name) else {
                    throw bad("uses {\(name)}, which the topic does not capture")
                }
                levels.append(.capture(name))
            } else if part.contains(where: { "{}+#\0".contains($0) }) {
                throw bad("has the level '\(part)'; allowed: plain text or a capture such as {device}")
            } else {
                levels.append(.text(String(part)))
            }
        }
        guard case .text(let root) = levels[0], !root.hasPrefix("$"), root != UserID.inboxRoot else {
            throw bad("must begin with a plain-text level other than 'users' and '$…'")
        }
        if levels.count > TopicName.maximumLevelCount {
            throw bad("has too many levels; allowed: at most \(TopicName.maximumLevelCount)")
        }
        self.levels = levels
    }

    /// The first level, which all rooms of the template share.
    package var root: String {
        if case .text(let root) = levels[0] { root } else { "" }
    }

    package var description: String {
        levels.map { level in
            switch level {
            case .text(let text): text
            case .capture(let name): "{\(name)}"
            }
        }.joined(separator: "/")
    }

    /// The filter of all rooms that the template can give; `nil` if its text is too long for a filter.
    package var filter: TopicFilter? {
        let text = levels.map { level in
            switch level {
            case .text(let text): text
            case .capture: "+"
            }
        }.joined(separator: "/")
        return try? TopicFilter(text)
    }

    /// Returns the room of a device's readings, filled in with the topic's captures.
    func room(device: DeviceID, captures: [String: String]) -> String {
        var room = ""
        for (index, level) in levels.enumerated() {
            if index > 0 { room += "/" }
            switch level {
            case .text(let text): room += text
            case .capture("device"): room += device.rawValue
            case .capture(let name): room += captures[name] ?? ""
            }
        }
        return room
    }
}
