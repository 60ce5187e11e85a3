import Core
import Hummingbird
import NIOCore
import Telemetry

/// Endpoints for monitoring: liveness, readiness and metrics. They need no token and reveal nothing about users or
/// readings.
struct HealthRoutes {
    let readiness: @Sendable () -> Readiness
    let metricsText: @Sendable () -> String

    func register(on router: Router<GatewayRequestContext>) {
        router.get("livez") { _, _ in Response.json(Array(#"{"status":"ok"}"#.utf8)) }
        router.get("readyz") { _, _ in
            let readiness = readiness()
            return Response.json(readiness.json, status: readiness.isReady ? .ok : .serviceUnavailable)
        }
        let text = CachedText(make: metricsText)
        router.get("metrics") { _, _ in
            Response.whole(text.bytes(), type: "text/plain; version=0.0.4; charset=utf-8")
        }
    }
}

/// A text that is generated on demand and then reused for a short time. All answers share one buffer, so slow readers
/// hold no copies and frequent requests cost little.
final class CachedText: Sendable {
    private struct Latest {
        var bytes: ByteBuffer
        var goodUntil: NIODeadline
    }

    private static let minRest = TimeAmount.milliseconds(50)
    /// The time for which a text is reused, as a multiple of the time that it took to generate. It is at least
    /// ``minRest`` and at most 1 s.
    private static let restFactor: Int64 = 10

    private struct State {
        var latest: Latest?
        /// True while a text is generated. Other requests get the previous one meanwhile, so that they occupy no threads.
        var isMaking = false
    }

    private let make: @Sendable () -> String
    private let state = Lock(State())

    init(make: @escaping @Sendable () -> String) {
        self.make = make
    }

    func bytes(now: NIODeadline = .now()) -> ByteBuffer {
        let known = state.withLock { state -> ByteBuffer? in
            guard let latest = state.latest else {
                // Requests before the first text have to wait, and share it.
                let first = generate(at: now)
                state.latest = first
                return first.bytes
            }
            if state.isMaking || now < latest.goodUntil { return latest.bytes }
            state.isMaking = true
            return nil
        }
        if let known { return known }
        let latest = generate(at: now)
        state.withLock { $0 = State(latest: latest) }
        return latest.bytes
    }

    private func generate(at now: NIODeadline) -> Latest {
        let start = NIODeadline.now()
        let bytes = ByteBuffer(string: make())
        let cost = (NIODeadline.now() - start).nanoseconds
        let rest = min(max(Self.minRest, .nanoseconds(cost * Self.restFactor)), .seconds(1))
        return Latest(bytes: bytes, goodUntil: now + rest)
    }
}

/// The readiness of the gateway and its parts, as reported by `/readyz`.
package struct Readiness: Sendable {
    /// One part, such as the connection to the broker.
    package struct Check: Sendable {
        package let name: String
        package let isReady: Bool
        /// One word, such as `connected` or `waiting`.
        package let status: String
        /// The reason that the part is not ready, or other useful information.
        package let reason: String?
        /// The topic filters of the connection to the broker.
        package let filters: [String]
        /// A sentence about something unusual that does not make the part unready.
        package let warning: String?

        package init(
            name: String, isReady: Bool, status: String, reason: String? = nil, filters: [String] = [],
            warning: String? = nil
        ) {
            self.filters = filters
            self.warning = warning
            self.name = name
            self.isReady = isReady
            self.status = status
            self.reason = reason
        }
    }

    /// The maximum number of filters in the answer.
    private static let maxFilters = 100

    package let checks: [Check]

    package init(checks: [Check]) {
        self.checks = checks
    }

    package var isReady: Bool { checks.allSatisfy(\.isReady) }

    /// `{"status":"ok","checks":{"mqtt":{"status":"connected","ready":true}}}`
    var json: [UInt8] {
        var bytes: [UInt8] = []
        JSONWriter.append(raw: "{\"status\":", to: &bytes)
        JSONWriter.append(isReady ? "ok" : "unavailable", to: &bytes)
        JSONWriter.append(raw: ",\"checks\":{", to: &bytes)
        for (index, check) in checks.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.append(check.name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            var object = JSONObjectBuilder()
            object.add("status", check.status)
            object.add("ready", check.isReady)
            if let reason = check.reason { object.add("reason", reason) }
            if !check.filters.isEmpty { object.add("filters", array: check.filters.prefix(Self.maxFilters)) }
            if let warning = check.warning { object.add("warning", warning) }
            bytes += object.finished()
        }
        JSONWriter.append(raw: "}}", to: &bytes)
        return bytes
    }
}
