import Core
import Hummingbird
import NIOCore
import Realtime
import Telemetry

/// The route `GET /api/clients`. It lists the connected clients for operators, with their queues and the reason that a
/// client is slow.
///
/// A token sees the clients of its own user, and those that have joined a room or filter that its `join` grants. Of a
/// client's rooms it sees only those that it grants. A token that may join `#` sees all clients and also their
/// addresses.
struct ClientRoutes {
    private static let maxListed: Int64 = 10_000
    private static let maxRooms = 50
    /// Round trips above this are reported as slow.
    private static let slowRoundTrip = TimeAmount.seconds(1)

    let hub: Hub

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.get("clients", use: list)
    }

    /// Lists clients, slowest first. With `after`, even an empty one, they are sorted by id and paged, because the order
    /// by slowness changes between two requests.
    @Sendable private func list(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let identity = try context.requireIdentity()
        let limit = Int(try request.query("limit", in: 1...Self.maxListed, default: 500))
        let showsAll = identity.grants.canJoinEverything
        let clients: [(client: ClientSummary, rooms: [TopicFilter])] = await hub.clients().compactMap { client in
            let rooms = client.joined.filter { identity.grants.canJoin($0) }
            return showsAll || !rooms.isEmpty || client.user == identity.user ? (client, rooms) : nil
        }
        let after = request.query("after")
        let sorted =
            if let after {
                clients.filter { $0.client.id > after }.sorted { $0.client.id < $1.client.id }
            } else {
                clients.sorted { first, second in
                    let (one, other) = (Self.slowness(first.client), Self.slowness(second.client))
                    return one != other ? one > other : first.client.connectedAt < second.client.connectedAt
                }
            }
        var body = JSONObjectBuilder()
        body.add("total", clients.count)
        var page = JSONPage()
        let count = page.add(
            contentsOf: sorted.prefix(limit).lazy.map { Self.json($0.client, $0.rooms, showsAddress: showsAll) })
        body.add("clients", objects: page.elements)
        body.add("has_more", count < sorted.count)
        if after != nil, count < sorted.count { body.add("next", sorted[count - 1].client.id) }
        return .json(body.finished())
    }

    /// Returns the key by which clients are sorted, slowest first: queued bytes weigh most, then dropped messages, then
    /// the round-trip time.
    private static func slowness(_ client: ClientSummary) -> Double {
        Double(client.queuedByteCount) * 1e6 + Double(client.droppedCount) * 1e3
            + Double(client.roundTripTime?.nanoseconds ?? 0) / 1e9
    }

    private static func json(_ client: ClientSummary, _ rooms: [TopicFilter], showsAddress: Bool) -> [UInt8] {
        var object = JSONObjectBuilder()
        object.add("client_id", client.id)
        object.add("user_id", client.user.rawValue)
        object.add("connected_at", time: client.connectedAt)
        if showsAddress, let address = client.address { object.add("address", address) }
        object.add("rooms", array: rooms.prefix(maxRooms).map(\.rawValue))
        object.add("room_count", rooms.count)
        object.add("queued_bytes", client.queuedByteCount)
        object.add("queued_messages", client.queuedCount)
        object.add("dropped", client.droppedCount)
        if let time = client.roundTripTime { object.add("rtt_ms", Double(time.nanoseconds / 1000) / 1e3) }
        let reason = reason(client)
        object.add("slow", reason != nil)
        if let reason { object.add("reason", reason) }
        return object.finished()
    }

    private static func reason(_ client: ClientSummary) -> String? {
        if client.queuedCount > 0 {
            return "\(client.queuedCount) messages are queued because the client reads too slowly"
        }
        if let time = client.roundTripTime, time > slowRoundTrip {
            return "the round trip takes \(time.nanoseconds / 1_000_000) ms"
        }
        if client.droppedCount > 0 { return "\(client.droppedCount) readings were dropped while it read too slowly" }
        return nil
    }
}
