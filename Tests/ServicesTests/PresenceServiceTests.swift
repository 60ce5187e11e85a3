import Core
import NIOEmbedded
import Realtime
import Telemetry
import Testing

@testable import Services

@Suite("Presence in rooms")
struct PresenceServiceTests {
    @Test("A user who joins and leaves in a loop does not overflow a slow member, who gets the last state")
    func loop() throws {
        let fixture = StreamFixture()
        let service = PresenceService(hub: fixture.hub, stream: fixture.stream, clock: fixture.clock)
        let shard = fixture.hub.shards[0]
        let room = try TopicFilter("chat/a")
        shard.join(fixture.client, room)
        let eve = shard.connect(id: "e", user: "eve", sink: StreamFixture.Sink())
        let bob = shard.connect(id: "b", user: "bob", sink: StreamFixture.Sink())
        _ = fixture.received()
        fixture.sink.isWritable = false
        shard.join(bob, room)
        // More than a slow client's queue holds.
        for _ in 1...10_000 {
            shard.join(eve, room)
            shard.leave(eve, room)
            fixture.loop.run()
        }
        #expect(fixture.sink.closed == nil)
        fixture.sink.isWritable = true
        shard.resume(fixture.client)
        let received = fixture.received()
        #expect(received.last == #"{"room_id":"chat/a","user_id":"eve","event":"leave"}"#)
        #expect(received.contains { $0.hasPrefix(#"{"room_id":"chat/a","dropped":"#) })
        #expect(
            received.contains(#"{"room_id":"chat/a","user_id":"bob","event":"join"}"#),
            "other users' events are not dropped")
        withExtendedLifetime(service) {}
    }
}
