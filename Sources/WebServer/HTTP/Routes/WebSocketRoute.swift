import HTTPTypes
import Hummingbird
import Logging

/// The routes of `/ws`, which answer requests that ``UpgradeGate`` did not upgrade with the reason.
struct WebSocketRoute {
    let metrics: WebSocketMetrics
    let logger: Logger

    func register(on router: Router<GatewayRequestContext>) {
        router.on(RouterPath(UpgradeRequest.path), method: .get, use: answer)
        router.on(RouterPath(UpgradeRequest.path), method: .post, use: answer)
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
        throw Problem(status(refusal.status), refusal.detail, headers: headers(for: refusal))
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

    private func headers(for refusal: UpgradeRefusal) -> HTTPFields {
        HTTPFields(
            refusal.fields.compactMap { field in
                HTTPField.Name(field.name).map { HTTPField(name: $0, value: field.value) }
            })
    }
}
