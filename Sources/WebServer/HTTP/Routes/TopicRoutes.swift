import Hummingbird
import NIOCore

/// The routes `GET /api/topics`, with the topics of the broker that no route takes, and `GET /api/broker`, with the
/// broker's address for people who publish a first reading.
///
/// Topics are not rooms, so the list requires a token that may join `#`. Any token may see the address.
struct TopicRoutes {
    private let topics: CachedText
    private let broker: @Sendable () -> [UInt8]

    /// - Parameters:
    ///   - topics: Makes the list. Its result is reused for a short time, because it costs up to some hundred
    ///     milliseconds.
    ///   - broker: Makes the address.
    init(topics: @escaping @Sendable () -> [UInt8], broker: @escaping @Sendable () -> [UInt8]) {
        self.topics = CachedText { String(decoding: topics(), as: UTF8.self) }
        self.broker = broker
    }

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.get("topics") { [topics] _, context in
            guard try context.requireIdentity().grants.canJoinEverything else {
                throw Problem(.forbidden, "Reading the broker's topics requires a token that may join \"#\".")
            }
            return Response.whole(topics.bytes(), type: "application/json")
        }
        group.get("broker") { [broker] _, _ in Response.whole(ByteBuffer(bytes: broker()), type: "application/json") }
    }
}
