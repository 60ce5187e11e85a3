/// What the status routes say of one topic: worked out once, used for every message to it.
final class ResolvedStatusTopic: Sendable {
    private let device: DeviceID
    private let rooms: [String]

    /// `nil` when the topic is of no status route that has rooms; throws when a captured level cannot be a name.
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

    /// What a payload to this topic says.
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
