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
    /// The subscription filter: the pattern with `+` in place of every capture.
    package let filter: TopicFilter

    let levels: [Level]

    /// The routes of a gateway without configured routes. The first one that matches a topic decides.
    package static let defaults: [TopicRoute] = [
        "sensors/{device}/{metric}", "sensors/{device}", "devices/{device}/telemetry", "tele/{device}/SENSOR",
        "zigbee2mqtt/{device}",
    ].compactMap { try? TopicRoute(pattern: $0) }

    /// Creates a route.
    ///
    /// - Throws: ``TopicRouteError`` if the pattern or the room template is invalid, or `qos` is neither 0 nor 1.
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
}

extension Sequence<TopicRoute> {
    /// The first levels of the routes' rooms. A room below one of them is a telemetry room.
    package var telemetryRoots: Set<String> { Set(map(\.room.root)) }
}

extension TopicRoute {
    /// Parses the pattern as a filter, treating captures as plain text.
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

    /// Parses a template. It may use `captures`, and always `device`, because payloads can name devices too.
    ///
    /// The first level must be plain text. It marks the room as a telemetry room, to which clients cannot send.
    init(_ text: String, captures: [String]) throws(TopicRouteError.Problem) {
        var levels: [Level] = []
        for part in text.split(separator: "/", omittingEmptySubsequences: false) {
            if part.isEmpty { throw .badRoom("has an empty level") }
            if let name = TopicRoute.captureName(in: part) {
                guard name == "device" || captures.contains(name) else {
                    throw .badRoom("uses {\(name)}, which the topic does not capture")
                }
                levels.append(.capture(name))
            } else if part.contains(where: { "{}+#\0".contains($0) }) {
                throw .badRoom("has the level '\(part)'; allowed: plain text or a capture such as {device}")
            } else {
                levels.append(.text(String(part)))
            }
        }
        guard case .text(let root) = levels[0], !root.hasPrefix("$"), root != UserID.inboxRoot else {
            throw .badRoom("must begin with a plain-text level other than 'users' and '$…'")
        }
        if levels.count > TopicName.maximumLevelCount {
            throw .badRoom("has too many levels; allowed: at most \(TopicName.maximumLevelCount)")
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

/// An error in a route's configuration. The description names the pattern or template and the allowed values.
package struct TopicRouteError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Problem: Error, Hashable, Sendable {
        case badFilter(TopicFilterError.Problem)
        /// A level that contains braces but is not one whole `{name}`.
        case badCapture(String)
        case duplicateCapture(String)
        /// An invalid room template. The text completes a sentence that begins with the room.
        case badRoom(String)
        case badQoS(Int)
    }

    package var pattern: String
    package var room: String
    package var problem: Problem

    package var description: String {
        switch problem {
        case .badFilter(let problem):
            "the route topic is invalid: \(TopicFilterError(filter: pattern, problem: problem))"
        case .badCapture(let level):
            """
            the route topic \(Excerpt(of: pattern)) has the invalid level \(Excerpt(of: level)); a capture must be a \
            whole level such as {device}, named with letters, digits, '_' and '-'
            """
        case .duplicateCapture(let name):
            "duplicate capture {\(name)} in the route topic \(Excerpt(of: pattern))"
        case .badRoom(let what):
            "the room \(Excerpt(of: room)) of the route \(Excerpt(of: pattern)) \(what)"
        case .badQoS(2):
            """
            the QoS of the route \(Excerpt(of: pattern)) is 2; allowed: 0 or 1. At QoS 1, the broker also delivers \
            QoS 2 publications, and they are acknowledged only after they are processed
            """
        case .badQoS(let qos): "the QoS of the route \(Excerpt(of: pattern)) is \(qos); allowed: 0 or 1"
        }
    }
}
