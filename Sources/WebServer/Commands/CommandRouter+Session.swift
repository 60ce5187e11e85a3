package import Core
import NIOCore
import Realtime
package import Telemetry

/// Session commands: `refresh_token` and `clock_sync`.
extension CommandRouter {
    /// Replaces the connection's token with a new one of the same user, and leaves joined rooms that the new token does
    /// not grant.
    func refreshToken(_ command: ClientCommand, _ call: Call) throws(CommandError) {
        guard let token = command.payload["token"]?.stringValue, !token.isEmpty else {
            throw CommandError(.badRequest, "\"token\" must be a non-empty string.")
        }
        let loop = call.session.value.shard.eventLoop
        loop.makeFutureWithTask { [authority] in
            do throws(AuthenticationError) {
                return Result<Identity, AuthenticationError>.success(try await authority.identity(of: token))
            } catch {
                return .failure(error)
            }
        }.whenSuccess { result in
            switch result {
            case .success(let identity): renew(identity, call)
            case .failure(let error): call.fail(CommandError(error))
            }
        }
    }

    private func renew(_ identity: Identity, _ call: Call) {
        let session = call.session.value
        let refresh: TokenRefresh
        do throws(AuthenticationError) {
            refresh = try TokenRefresh(
                from: session.identity, to: identity, joined: session.client.joined, now: clock.now())
        } catch {
            return call.fail(CommandError(error))
        }
        session.identity = refresh.identity
        var messages: [Message] = []
        for filter in refresh.roomsToLeave where session.shard.leave(session.client, filter) {
            var payload = JSONObjectBuilder()
            payload.add("room_id", filter.rawValue)
            payload.add("reason", "forbidden")
            messages.append(Message(type: .left, payload: payload.finished(), timestamp: clock.now()))
        }
        session.shard.send(messages, to: session.client)
        var payload = JSONObjectBuilder()
        payload.add("expires_at", time: identity.expiresAt)
        call.answer(.ack, payload.finished())
    }

    /// Answers a clock exchange (RFC 5905 section 8) with the client's `t0`, the time `t1` at which the gateway read
    /// the command, and the time `t2` of the answer. From these and the time of receipt, the client computes the offset
    /// of its clock. All times are in Unix milliseconds.
    func syncClock(_ command: ClientCommand, _ call: Call) throws(CommandError) {
        guard let sent = command.payload["t0"]?.numberValue else {
            throw CommandError(.badRequest, "\"t0\" must be a number: the client's time in Unix milliseconds.")
        }
        var payload = JSONObjectBuilder()
        payload.add("t0", sent)
        payload.add("t1", command.receivedAt.millisecondsSinceEpoch)
        payload.add("t2", clock.now().millisecondsSinceEpoch)
        call.answer(.clockSync, payload.finished())
    }
}

/// The effect of a new token (`refresh_token`) on a connection: its new identity and the rooms it must leave.
package struct TokenRefresh: Sendable {
    /// The identity of the new token.
    package let identity: Identity
    /// The joined rooms and filters that the new token does not grant, in the order given.
    package let roomsToLeave: [TopicFilter]

    /// Determines the effect of the new token.
    ///
    /// - Parameters:
    ///   - old: The connection's current identity. It may have expired meanwhile.
    ///   - new: The identity that ``TokenAuthority/identity(of:)`` returned for the new token.
    ///   - joined: The rooms and filters that the client has joined, including the inbox.
    /// - Throws: ``AuthenticationError/otherUser`` or ``AuthenticationError/expired``; in that case nothing changes.
    package init(
        from old: Identity, to new: Identity, joined: some Sequence<TopicFilter>, now: Timestamp
    ) throws(AuthenticationError) {
        guard new.user == old.user else { throw .otherUser }
        guard now < new.expiresAt else { throw .expired }
        identity = new
        roomsToLeave = joined.filter { !new.grants.canJoin($0) }
    }
}
