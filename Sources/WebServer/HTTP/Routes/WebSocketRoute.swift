import HTTPTypes
import Hummingbird
import Logging

/// The routes of `/ws` and the echo endpoint. They answer requests that ``UpgradeGate`` did not upgrade with the
/// reason.
struct WebSocketRoute {
    let metrics: WebSocketMetrics
    let echoPath: EchoPath?
    let logger: Logger

    func register(on router: Router<GatewayRequestContext>) {
        for path in [UpgradeRequest.path] + [echoPath?.text].compactMap(\.self) {
            router.on(RouterPath(path), method: .get, use: answer)
            router.on(RouterPath(path), method: .post, use: answer)
        }
        if let echoPath {
            logger.warning(
                "The echo endpoint is enabled; it is for conformance suites, not for production",
                metadata: ["path": "\(echoPath.text)"])
        }
    }

    @Sendable private func answer(_ request: Request, _ context: GatewayRequestContext) throws -> Response {
        let refusal =
            HTTPField.Name(UpgradeRefusal.headerName).flatMap { request.headers[$0] }
            .flatMap(UpgradeRefusal.init(headerValue:))
            ?? UpgradeRefusal(426, "This is a WebSocket endpoint: send \"Upgrade: websocket\" on a new connection.")
        metrics.handshakeRefused(status: refusal.status)
        logger.info(
            "A WebSocket handshake was refused",
            metadata: ["status": "\(refusal.status)", "detail": "\(refusal.detail)"])
        throw Problem(status(refusal.status), refusal.detail, headers: headers(for: refusal.status))
    }

    /// Returns the status with its reason phrase, for the codes that a refusal can have.
    private func status(_ code: Int) -> HTTPResponse.Status {
        switch code {
        case 400: .badRequest
        case 401: .unauthorized
        case 403: .forbidden
        case 429: .tooManyRequests
        default: .upgradeRequired
        }
    }

    private func headers(for status: Int) -> HTTPFields {
        switch status {
        case 401: [.wwwAuthenticate: "Bearer"]
        case 429: [.retryAfter: "1"]
        case 426: [.upgrade: "websocket", .connection: "Upgrade", .secWebSocketVersion: "13"]
        default: [:]
        }
    }
}
