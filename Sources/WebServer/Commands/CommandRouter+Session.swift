import NIOCore
import Realtime
import Telemetry

extension CommandRouter {
    /// Takes a new token of the same user in place of the old one; rooms that it does not grant are left.
    func refreshToken(_ command: ClientCommand, _ call: Call) throws(CommandError) {
        guard let token = command.payload["token"]?.stringValue, !token.isEmpty else {
            throw CommandError(.badRequest, "\"token\" must be a string.")
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
            case .failure(let error) where error == .expired || error == .notYetValid:
                call.fail(CommandError(.expired, "\(error)"))
            case .failure(let error): call.fail(CommandError(.forbidden, "\(error)"))
            }
        }
    }

    private func renew(_ identity: Identity, _ call: Call) {
        let session = call.session.value
        let refresh: TokenRefresh
        do throws(TokenRefresh.Refusal) {
            refresh = try TokenRefresh(
                from: session.identity, to: identity, joined: session.client.joined, now: clock.now())
        } catch {
            return call.fail(CommandError(error == .expired ? .expired : .forbidden, "\(error)"))
        }
        session.identity = refresh.identity
        var messages: [Message] = []
        for filter in refresh.leave where session.shard.leave(session.client, filter) {
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

    /// Four timestamps make an offset: the client's `t0` and its own receive time, and ours between them (RFC 5905
    /// section 8). Unix milliseconds.
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
