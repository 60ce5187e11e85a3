import Core
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
        let text = SharedText(make: metricsText)
        router.get("metrics") { _, _ in
            Response.whole(text.bytes(), type: "text/plain; version=0.0.4; charset=utf-8")
        }
    }
}

/// A text that many may ask for: made for one of them, and shared with those who ask in the next moments. Those who read
/// it slowly hold no copy each, and asking often costs little.
final class SharedText: Sendable {
    private struct Latest {
        var bytes: ByteBuffer
        var goodUntil: NIODeadline
    }

    private static let minRest = TimeAmount.milliseconds(50)
    /// A text that takes its time is made less often.
    private static let restFactor: Int64 = 10

    private let make: @Sendable () -> String
    private let latest = Lock<Latest?>(nil)

    init(make: @escaping @Sendable () -> String) {
        self.make = make
    }

    func bytes(now: NIODeadline = .now()) -> ByteBuffer {
        latest.withLock { latest in
            if let latest, now < latest.goodUntil { return latest.bytes }
            let start = NIODeadline.now()
            let bytes = ByteBuffer(string: make())
            let cost = (NIODeadline.now() - start).nanoseconds
            let rest = min(max(Self.minRest, .nanoseconds(cost * Self.restFactor)), .seconds(1))
            latest = Latest(bytes: bytes, goodUntil: now + rest)
            return bytes
        }
    }
}
