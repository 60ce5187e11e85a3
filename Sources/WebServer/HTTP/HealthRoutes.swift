import Hummingbird
import NIOCore

/// What machines ask: is it alive, can it work, how is it doing. No token: they tell nothing of users or readings.
struct HealthRoutes {
    let readiness: @Sendable () -> Readiness
    let metricsText: @Sendable () -> String

    func register(on router: Router<GatewayRequestContext>) {
        router.get("livez") { _, _ in Response.json(Array(#"{"status":"ok"}"#.utf8)) }
        router.get("readyz") { _, _ in
            let readiness = readiness()
            return Response.json(readiness.json, status: readiness.isReady ? .ok : .serviceUnavailable)
        }
        router.get("metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: metricsText())))
        }
    }
}
