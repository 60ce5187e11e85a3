/// The room of a route's readings: text and captures, a whole level each, such as `sensors/{device}`.
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

    /// Reads a template that may use `captures`, and `device` besides, because payloads name devices too.
    ///
    /// The first level must be plain text: it is what makes a room a telemetry room, into which clients cannot send.
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
                throw .badRoom("has '\(part)' as a level; allowed are plain text and a capture such as {device}")
            } else {
                levels.append(.text(String(part)))
            }
        }
        guard case .text(let root) = levels[0], !root.hasPrefix("$"), root != "users" else {
            throw .badRoom("must begin with a level of plain text other than 'users' and '$…'")
        }
        if levels.count > TopicName.maximumLevelCount { throw .badRoom("has too many levels") }
        self.levels = levels
    }

    /// The first level, under which all rooms of the template lie.
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

    /// The room of a device's readings, with what the topic captured.
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
