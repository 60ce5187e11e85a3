/// What the routes say of one topic: worked out once, used for every message to it.
final class ResolvedTopic: Sendable {
    /// The context of the topic's messages; the receive time is still to be set.
    let context: DecodingContext
    /// The route's pattern.
    let pattern: String

    private let convention: PayloadConvention
    private let decoder: any PayloadDecoder
    private let template: RoomTemplate
    private let captures: [String: String]
    /// The room of the topic's own device.
    private let room: String?

    /// Finds the first route that matches; throws when none does, or a captured level cannot be what it stands for.
    init(_ topic: String, routes: [TopicRoute], limits: DecodingLimits) throws(DecodeError) {
        for route in routes {
            guard let captures = route.captures(in: topic) else { continue }
            for (name, value) in captures {
                if name == "metric" {
                    // Or a decoder would copy a name that is none for every value of a payload.
                    guard value.utf8.count <= Metric.maximumNameByteCount else { throw .badMetric(value) }
                } else if DeviceID(value) == nil {
                    throw .badDevice(value)
                }
            }
            let device = captures["device"].flatMap { DeviceID($0) }
            context = DecodingContext(
                topic: topic, device: device, metric: captures["metric"],
                receivedAt: Timestamp(nanosecondsSinceEpoch: 0), convertsFahrenheit: route.convertsFahrenheit,
                allowsForeignDevices: route.allowsForeignDevices, limits: limits)
            pattern = route.pattern
            convention =
                route.convention == .auto ? AutoDecoder.convention(ofTopic: topic) ?? .auto : route.convention
            decoder = convention.decoder
            template = route.room
            room = device.map { route.room.room(device: $0, captures: captures) }
            self.captures = captures
            return
        }
        throw .noRoute(topic: topic)
    }

    /// The readings of a payload; the topic's part in finding the convention is done already.
    func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        if convention == .auto { return try AutoDecoder().decodeByShape(payload, context: context) }
        return try decoder.decode(payload, context: context)
    }

    /// The room of a device's readings.
    func room(of device: DeviceID) -> String {
        if let room, device == context.device { return room }
        return template.room(device: device, captures: captures)
    }
}
