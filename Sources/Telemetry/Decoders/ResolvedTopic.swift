import Core

/// The route, device and room of one telemetry topic. Resolved once and reused for every message to the topic.
final class ResolvedTopic: Sendable {
    /// The context for decoding the topic's messages. Its receive time is a placeholder, to be replaced for each
    /// message.
    let context: DecodingContext
    /// The route's pattern.
    let pattern: String

    private let convention: PayloadConvention
    private let decoder: any PayloadDecoder
    private let template: RoomTemplate
    private let captures: [String: String]
    /// The room of the device that the topic names; `nil` if it names none.
    private let room: String?

    /// Resolves a topic by the first matching route.
    ///
    /// - Parameter units: The units of metrics whose payloads have none.
    /// - Throws: ``DecodeError`` if no route matches, or if a captured level is not a valid device or metric name.
    init(
        _ topic: String, routes: [TopicRoute], limits: DecodingLimits, units: [ExactString: String] = [:]
    ) throws(DecodeError) {
        for route in routes {
            guard let captures = route.captures(in: topic) else { continue }
            for (name, value) in captures {
                if name == "metric" {
                    // An oversized name would be copied by a decoder for every value of a payload.
                    guard value.utf8.count <= Metric.maximumNameByteCount else { throw .badMetric(value) }
                } else if DeviceID(value) == nil {
                    throw .badDevice(value)
                }
            }
            let device = captures["device"].flatMap { DeviceID($0) }
            context = DecodingContext(
                topic: topic, device: device, metric: captures["metric"], rest: route.rest(of: topic),
                receivedAt: Timestamp(nanosecondsSinceEpoch: 0), convertsFahrenheit: route.convertsFahrenheit,
                allowsForeignDevices: route.allowsForeignDevices, rules: route.mapping?.rules, units: units,
                limits: limits)
            pattern = route.pattern
            if let mapped = route.mapping?.decoder {
                convention = .json
                decoder = mapped
            } else {
                convention =
                    route.convention == .auto ? AutoDecoder.convention(ofTopic: topic) ?? .auto : route.convention
                decoder = convention.decoder
            }
            template = route.room
            room = device.map { route.room.room(device: $0, captures: captures) }
            self.captures = captures
            return
        }
        throw .noRoute(topic: topic)
    }

    /// Decodes a payload by the convention that the route or the topic determines, otherwise by its shape.
    func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        if convention == .auto { return try AutoDecoder().decodeByShape(payload, context: context) }
        return try decoder.decode(payload, context: context)
    }

    /// Returns the room of a device's readings.
    func room(of device: DeviceID) -> String {
        if let room, device == context.device { return room }
        return template.room(device: device, captures: captures)
    }
}

/// The device and rooms of one status topic. Resolved once and reused for every message to the topic.
final class ResolvedStatusTopic: Sendable {
    private let device: DeviceID
    private let rooms: [String]

    /// Resolves a status topic; `nil` if no status route with at least one room matches.
    ///
    /// - Throws: ``DecodeError/badDevice(_:)`` if a captured level is not a valid name.
    init?(_ topic: String, statusRoutes: [StatusRoute], routes: [TopicRoute]) throws(DecodeError) {
        for statusRoute in statusRoutes {
            guard let captures = statusRoute.captures(in: topic) else { continue }
            let templates = statusRoute.rooms(of: routes)
            if templates.isEmpty { continue }
            for value in captures.values where DeviceID(value) == nil { throw .badDevice(value) }
            let device = try DecodingContext.device(named: captures["device"])
            var rooms: [String] = []
            for room in templates.map({ $0.room(device: device, captures: captures) }) where !rooms.contains(room) {
                rooms.append(room)
            }
            self.device = device
            self.rooms = rooms
            return
        }
        return nil
    }

    /// Decodes a payload into a status, or into ``DecodedMessage/clearedStatus`` if it is empty.
    func decode(
        _ payload: [UInt8], receivedAt: Timestamp, isRetained: Bool, limits: DecodingLimits
    ) throws(DecodeError) -> DecodedMessage {
        if payload.isEmpty { return .clearedStatus }
        return .status(
            StatusReport(
                device: device, rooms: rooms, isOnline: try StatusPayload.isOnline(payload, limits: limits),
                receivedAt: receivedAt, isRetained: isRetained))
    }
}

/// Parsing of payloads that report whether a device is online.
///
///     online                       offline, Online, connected, disconnected, true, false, 1, 0
///     {"state":"online"}           {"status":false}: any of these words, as a string, Boolean or number
///
/// Words match in any case, with optional white space around them. If an object has both members, `state` wins.
enum StatusPayload {
    /// Returns true if the payload means online, false if it means offline.
    ///
    /// - Throws: ``DecodeError`` if the payload is invalid; ``DecodeError/badStatus(_:)`` if it means neither.
    static func isOnline(_ payload: [UInt8], limits: DecodingLimits) throws(DecodeError) -> Bool {
        try limits.check(byteCount: payload.count)
        guard let text = String(validating: payload, as: UTF8.self) else {
            throw .invalidUTF8(offset: payload.withUnsafeBufferPointer(UTF8Validation.validPrefixCount))
        }
        switch payload.first(where: { $0 > UInt8(ascii: " ") }) {
        case UInt8(ascii: "{"), UInt8(ascii: "\""):
            do throws(JSONError) {
                let value = try JSONParser.parse(payload, maxDepth: limits.maxDepth)
                if let isOnline = isOnline(value["state"] ?? value["status"] ?? value) { return isOnline }
            } catch {
                throw DecodeError(error)
            }
        default:
            if let isOnline = isOnline(word: text) { return isOnline }
        }
        throw .badStatus(text)
    }

    private static func isOnline(_ value: JSONValue) -> Bool? {
        switch value {
        case .string(let word): isOnline(word: word)
        case .bool(let isOnline): isOnline
        case .number(1): true
        case .number(0): false
        default: nil
        }
    }

    private static func isOnline(word: String) -> Bool? {
        switch trimmed(word)?.lowercased() {
        case "online", "connected", "true", "1": true
        case "offline", "disconnected", "false", "0": false
        default: nil
        }
    }

    /// Returns the text without surrounding white space; `nil` if it is longer than any status word, or blank.
    private static func trimmed(_ text: String) -> String? {
        let isWord: (Unicode.Scalar) -> Bool = { !$0.properties.isWhitespace }
        let scalars = text.unicodeScalars
        guard let first = scalars.firstIndex(where: isWord), let last = scalars.lastIndex(where: isWord) else {
            return nil
        }
        let word = Substring(scalars[first...last])
        return word.utf8.count <= 16 ? String(word) : nil
    }
}
