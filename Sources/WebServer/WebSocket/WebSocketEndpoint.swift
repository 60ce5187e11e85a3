import Core
package import NIOCore
package import NIOHTTP1
import Services
import Tracing

/// The rules of one WebSocket endpoint: which requests become WebSockets, and the handler of those that do.
///
/// An endpoint object belongs to one connection and is used on its event loop. ``UpgradeGate`` asks it about the
/// connection's first request.
package protocol WebSocketEndpoint: AnyObject {
    /// Classifies a request with `Upgrade`.
    func classify(_ head: HTTPRequestHead) -> UpgradeRequest
    /// Decides about a valid handshake.
    func admit(_ head: HTTPRequestHead, from channel: any Channel) -> Admission
    /// Returns the subprotocol to select in the answer to an admitted handshake (RFC 6455 section 4.2.2).
    func subprotocol(for head: HTTPRequestHead) -> String?
    /// Returns the channel handler of an admitted connection.
    func makeHandler(on channel: any Channel) throws -> any ChannelHandler
}

/// The decision about a valid handshake.
package enum Admission {
    case admitted
    case refused(UpgradeRefusal)
    /// The future has the refusal, or `nil` if the handshake is admitted. It never fails.
    case undecided(EventLoopFuture<UpgradeRefusal?>)
}

/// The endpoint `/ws`, which admits clients with a valid credential from allowed origins.
final class ClientEndpoint: WebSocketEndpoint {
    typealias MakeHandler = (_ identity: Identity, _ channel: any Channel) throws -> any ChannelHandler

    private let authenticator: Authenticator
    private let origins: OriginPolicy
    private let quota: UserQuota
    private let entry: EntryTracer
    private let clock = SystemWallClock()
    private let handler: MakeHandler
    /// The identity of an admitted client.
    private var identity: Identity?

    init(
        authenticator: Authenticator, origins: OriginPolicy, quota: UserQuota, entry: EntryTracer,
        handler: @escaping MakeHandler
    ) {
        self.authenticator = authenticator
        self.origins = origins
        self.quota = quota
        self.entry = entry
        self.handler = handler
    }

    func classify(_ head: HTTPRequestHead) -> UpgradeRequest {
        UpgradeRequest(head, origins: origins)
    }

    func admit(_ head: HTTPRequestHead, from channel: any Channel) -> Admission {
        guard quota.takeConnection(from: channel.remoteAddress, now: channel.eventLoop.now) else {
            return .refused(UpgradeRefusal(429, "Too many connections from this address; retry later."))
        }
        guard let credential = CredentialExtractor.credential(in: head) else {
            return .refused(UpgradeRefusal(401, "\(AuthenticationError.missing)"))
        }
        let start = clock.now()
        let authenticator = self.authenticator
        let result = channel.eventLoop.makeFutureWithTask {
            do throws(AuthenticationError) {
                return Result<Identity, AuthenticationError>.success(try await authenticator.identity(of: credential))
            } catch {
                return .failure(error)
            }
        }
        return .undecided(
            result.assumeIsolated().map { result -> UpgradeRefusal? in
                switch result {
                case .success(let identity):
                    self.identity = identity
                    if channel.isActive { self.recordSpan(of: head, from: start) }
                    return nil
                case .failure(let error): return UpgradeRefusal(401, "\(error)")
                }
            }.nonisolated())
    }

    func subprotocol(for head: HTTPRequestHead) -> String? {
        let name = CredentialExtractor.windsockSubprotocol
        return CredentialExtractor.subprotocols(of: head).contains(name) ? name : nil
    }

    func makeHandler(on channel: any Channel) throws -> any ChannelHandler {
        guard let identity else { throw ChannelError.inappropriateOperationForState }
        return try handler(identity, channel)
    }

    /// Records a `websocket.upgrade` span. Only handshakes with a valid credential have one, so that nobody else uses
    /// up the limit of traces per second.
    private func recordSpan(of head: HTTPRequestHead, from start: Timestamp) {
        let origin = head.headers.first(name: "traceparent").flatMap {
            TraceContext(traceparent: $0, state: head.headers.first(name: "tracestate"))
        }
        guard let span = entry.begin("websocket.upgrade", from: origin, ofKind: .server, at: start) else { return }
        span.updateAttributes { attributes in
            attributes["http.request.method"] = head.method.rawValue
            attributes["http.route"] = UpgradeRequest.path
            attributes["http.response.status_code"] = Int(HTTPResponseStatus.switchingProtocols.code)
        }
        span.end(at: clock.now())
    }
}
