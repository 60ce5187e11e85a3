import Core
import HTTPTypes
import Hummingbird
import NIOCore

/// A limit on the HTTP requests of each user: on the number in flight, and on their cost per second.
///
/// The cost depends on the request's class, so that one setting bounds all classes: by default a user may make 1,000
/// cheap requests per second, or 20 that scan all rooms or devices. Thread-safe.
final class RequestQuota: Sendable {
    /// Classes of requests by the work they cause. The raw value is the cost.
    enum RouteClass: Int, CaseIterable {
        /// Reads a small amount of data in memory.
        case cheap = 1
        /// Reads a range from the database.
        case reading = 2
        /// Stores and publishes.
        case writing = 5
        /// Scans all rooms, devices, clients, alerts or dead letters.
        case scanning = 50

        private static let readings: Set<String> = [
            "/api/readings", "/api/rooms/history", "/api/notifications", "/api/latency",
        ]
        private static let scans: Set<String> = [
            "/api/alerts", "/api/clients", "/api/dead-letters", "/api/devices", "/api/online", "/api/rooms",
            "/api/rooms/members", "/api/topics",
        ]

        init(isRead: Bool, path: String) {
            // Normalized as the router does it: "/api//devices/" is the same route.
            let path = "/" + path.split(separator: "/").joined(separator: "/")
            if !isRead {
                self = .writing
            } else if Self.scans.contains(path) || path.hasPrefix("/api/devices/") {
                self = .scanning
            } else {
                self = Self.readings.contains(path) ? .reading : .cheap
            }
        }

        var cost: Int { rawValue }
    }

    /// The decision about a request.
    enum Admission {
        /// The request may run. The pass is `nil` if no limit is set.
        case admitted(Pass?)
        case refused(Refusal)
    }

    /// The reason that a request is refused for now.
    struct Refusal: Equatable {
        enum Kind: String, CaseIterable, Sendable {
            /// Too many requests per second.
            case rate
            /// Too many requests in flight.
            case concurrency
        }

        var kind: Kind
        /// Seconds after which the client may try again.
        var retryAfter: Int
    }

    /// A reference-counted pass. Its request counts as in flight until the last reference to the pass is released.
    final class Pass: Sendable {
        private let quota: RequestQuota
        private let user: UserID

        private let routeClass: RouteClass

        fileprivate init(quota: RequestQuota, user: UserID, _ routeClass: RouteClass) {
            self.quota = quota
            self.user = user
            self.routeClass = routeClass
        }

        deinit { quota.leave(user, routeClass) }
    }

    private struct Usage {
        var inFlight = 0
        /// The in-flight requests that read ranges from the database.
        var readings = 0
        /// The costs of the requests.
        var rate: GCRA
    }

    /// The number of remembered users at which idle users with full capacity are forgotten.
    static let maxUsers = 65_536
    /// The largest number of concurrent range reads per user. All users share the database's readers, and one user must
    /// not occupy them all. A page asks for four ranges at once.
    static let maxReadings = 24
    /// The burst size, in nanoseconds of the permitted rate.
    private static let burstNanoseconds: Int64 = 5_000_000_000

    private let maxInFlight: Int
    private let perSecond: Int
    private let users = Lock<[UserID: Usage]>([:])

    init(limits: ConnectionLimits) {
        maxInFlight = limits.userRequests
        perSecond = limits.userRequestsPerSecond
    }

    /// The number of remembered users.
    var userCount: Int { users.withLock { $0.count } }

    /// Counts a request as in flight until the returned pass is released, unless a limit is reached.
    func enter(_ user: UserID, _ routeClass: RouteClass, now: NIODeadline = .now()) -> Admission {
        guard maxInFlight > 0 || perSecond > 0 else { return .admitted(nil) }
        let now = now.tokenBucketTime
        let refusal: Refusal? = users.withLock { users in
            if users.count >= Self.maxUsers, users[user] == nil {
                users = users.filter { $0.value.inFlight > 0 || !$0.value.rate.isPaid(at: now) }
            }
            var usage = users[user] ?? Usage(rate: GCRA(at: now))
            let isReading = routeClass == .reading
            if maxInFlight > 0, usage.inFlight >= maxInFlight || isReading && usage.readings >= Self.maxReadings {
                return Refusal(kind: .concurrency, retryAfter: 1)
            }
            if perSecond > 0 {
                let wait = usage.rate.take(
                    routeClass.cost, perSecond: perSecond, burst: Self.burstNanoseconds, at: now)
                guard wait == 0 else {
                    return Refusal(kind: .rate, retryAfter: Int(wait / 1_000_000_000) + 1)
                }
            }
            usage.inFlight += 1
            if isReading { usage.readings += 1 }
            users[user] = usage
            return nil
        }
        if let refusal { return .refused(refusal) }
        return .admitted(Pass(quota: self, user: user, routeClass))
    }

    private func leave(_ user: UserID, _ routeClass: RouteClass) {
        users.withLock { users in
            guard var usage = users[user] else { return }
            usage.inFlight -= 1
            if routeClass == .reading { usage.readings -= 1 }
            let isUnused = usage.inFlight == 0 && usage.rate.isPaid(at: NIODeadline.now().tokenBucketTime)
            users[user] = isUnused ? nil : usage
        }
    }
}

/// A middleware that answers 429 with `Retry-After` to users who exceed their ``RequestQuota``.
///
/// A request is in flight until its answer has been written, even if the client reads slowly.
struct RequestLimiter: RouterMiddleware {
    let quota: RequestQuota
    let metrics: EdgeMetrics

    func handle(
        _ request: Request, context: GatewayRequestContext,
        next: (Request, GatewayRequestContext) async throws -> Response
    ) async throws -> Response {
        let user = try context.requireIdentity().user
        let isRead = request.method == .get || request.method == .head
        let pass: RequestQuota.Pass?
        switch quota.enter(user, RequestQuota.RouteClass(isRead: isRead, path: request.uri.path)) {
        case .admitted(let admitted): pass = admitted
        case .refused(let refusal):
            metrics.requestLimited(refusal.kind)
            let detail =
                switch refusal.kind {
                case .rate: "Too many requests per second; retry later."
                case .concurrency: "Too many requests in flight; wait for their responses."
                }
            throw Problem(.tooManyRequests, detail, headers: [.retryAfter: "\(refusal.retryAfter)"])
        }
        var response = try await next(request, context)
        guard let pass, response.body.contentLength.map({ $0 > Response.portionByteCount }) ?? true else {
            return response
        }
        let body = response.body
        response.body = ResponseBody(contentLength: body.contentLength) { writer in
            try await body.write(PassingWriter(writer: writer, pass: pass))
        }
        return response
    }
}

/// A writer of response bodies that holds a request's ``RequestQuota/Pass`` until the body has been written.
private struct PassingWriter: ResponseBodyWriter {
    var writer: any ResponseBodyWriter
    let pass: RequestQuota.Pass

    mutating func write(_ buffer: ByteBuffer) async throws {
        try await writer.write(buffer)
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
        try await writer.finish(trailingHeaders)
    }
}
