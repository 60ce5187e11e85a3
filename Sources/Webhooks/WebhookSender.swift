package import Core
import Foundation
package import HTTPRequests
package import Tracing

/// A sender of events to one receiver that makes a single attempt per call.
package protocol WebhookSending: Sendable {
    /// Sends an event once. Returns when the result is known: at the latest after the configured timeout, and promptly
    /// when the task is cancelled.
    ///
    /// - Parameter attempt: The number of the attempt, starting at 1, for the trace.
    func send(_ event: WebhookEvent, attempt: Int) async -> WebhookAttemptResult
}

/// A sender that posts events to one receiver by HTTP, one attempt per call.
///
///     event ─▶ addresses of the host ─▶ AddressPolicy ─▶ a connection to an address that passed ─▶ POST ─▶ outcome
///
/// The sender resolves the host name and tells the HTTP client to connect to the address that was checked. The client
/// never resolves the name itself, so DNS rebinding (a different answer the second time) is ineffective. TLS still
/// verifies the certificate against the URL's host. Each attempt uses a connection of its own and closes it afterwards:
/// events are rare, and a pooled connection would outlive the check.
///
/// A request has the headers `Content-Type: application/json`, `User-Agent: windsock/<version>`, `Windsock-Event-Id`,
/// `Windsock-Signature` when there is a secret (``WebhookSigner``), and `traceparent` when the event has a trace.
package struct WebhookSender: WebhookSending {
    /// The most bytes to read of a response's body. The body is read as a courtesy to the receiver, then discarded.
    private static let maxResponseBytes = 65_536
    /// The time limit for reading a response's body.
    private static let bodyTime = Duration.seconds(1)
    /// The most addresses of a host to try in one attempt.
    private static let maxAddresses = 4

    private let configuration: WebhookConfiguration
    private let policy: AddressPolicy
    private let signer: WebhookSigner?
    private let resolver: any HostResolver
    private let tracer: (any Tracer)?
    private let clock: any WallClock
    private let client: HTTPClient

    /// - Parameters:
    ///   - tracer: Creates a span for each attempt; `nil` for no spans.
    ///   - tls: The trusted certificates if they are not the system's.
    package init(
        _ configuration: WebhookConfiguration,
        tracer: (any Tracer)? = nil,
        resolver: any HostResolver = SystemHostResolver(),
        clock: any WallClock = SystemWallClock(),
        tls: HTTPClient.TLS = HTTPClient.TLS()
    ) {
        self.configuration = configuration
        policy = AddressPolicy(allowsPrivateAddresses: configuration.allowsPrivateAddresses)
        signer = configuration.secret.map(WebhookSigner.init)
        self.resolver = resolver
        self.tracer = tracer
        self.clock = clock
        client = HTTPClient(reusesConnections: false, tls: tls)
    }

    package func send(_ event: WebhookEvent, attempt: Int) async -> WebhookAttemptResult {
        let span = WebhookSpan(event, attempt: attempt, to: configuration.url, tracer: tracer, at: clock.now())
        let outcome = await exchange(event, trace: span.trace)
        span.end(outcome, at: clock.now())
        return outcome
    }

    private func exchange(_ event: WebhookEvent, trace: TraceContext?) async -> WebhookAttemptResult {
        let deadline = ContinuousClock.now + configuration.timeout
        do {
            guard let addresses = try await withTimeout(at: deadline, { try await resolve() }) else {
                return .retryable(late, after: nil)
            }
            if let refused = policy.firstRefused(of: addresses) {
                // A name may resolve to other addresses later; a literal address never changes.
                let isLiteral = IPAddress(configuration.url.host) != nil
                return isLiteral ? .permanent(refusal(of: refused)) : .retryable(refusal(of: refused), after: nil)
            }
            let tried = addresses.prefix(Self.maxAddresses)
            return try await post(request(event, trace: trace, by: deadline), to: tried)
        } catch {
            if Task.isCancelled { return .cancelled }
            return .retryable(failure(error), after: nil)
        }
    }

    private func resolve() async throws -> [IPAddress] {
        if let literal = IPAddress(configuration.url.host) { return [literal] }
        return try await resolver.addresses(of: configuration.url.host)
    }

    private func refusal(of address: IPAddress) -> WebhookFailure {
        let scope = AddressScope(of: address).rawValue
        let isLiteral = configuration.url.host.contains(":") || configuration.url.host == address.description
        let subject = isLiteral ? "" : "the host \(configuration.url.host) is refused: "
        return WebhookFailure(
            .addressRefused, "\(subject)the address \(address) (\(scope)) is not allowed for webhooks")
    }

    private func request(
        _ event: WebhookEvent, trace: TraceContext?, by deadline: ContinuousClock.Instant
    ) -> HTTPClient.Request {
        var headers = [
            ("Content-Type", "application/json"), ("User-Agent", "windsock/\(WindsockVersion.text)"),
            ("Windsock-Event-Id", event.id),
        ]
        if let signer {
            headers.append((WebhookSigner.headerName, signer.signature(of: event.body, at: clock.now())))
        }
        if let trace {
            headers.append(("traceparent", trace.traceparent))
            if let state = trace.state { headers.append(("tracestate", state)) }
        }
        return HTTPClient.Request(
            configuration.url.text, headers: headers, body: event.body, deadline: deadline, bodyTimeout: Self.bodyTime,
            maxBodyBytes: Self.maxResponseBytes)
    }

    /// Sends the request to the first address that accepts a connection. Each of them gets an equal part of the time to
    /// do so.
    private func post(
        _ request: HTTPClient.Request, to addresses: ArraySlice<IPAddress>
    ) async throws -> WebhookAttemptResult {
        var request = request
        request.connectTimeout = configuration.timeout / addresses.count
        var last: any Error = WebhookError.notResolved(host: configuration.url.host, reason: "it has no address")
        for address in addresses {
            request.address = address.description
            do {
                let response = try await client.response(to: request)
                // However its body ended, the outcome is known.
                return WebhookResponse(
                    status: response.status, retryAfter: response.header("Retry-After"), now: clock.now()
                ).outcome
            } catch let failure as HTTPFailure where failure.isBeforeConnection {
                last = failure
            }
        }
        throw last
    }

    private var late: WebhookFailure {
        WebhookFailure(.timeout, "the receiver did not answer within \(configuration.timeout)")
    }

    private func failure(_ error: any Error) -> WebhookFailure {
        return switch error {
        case WebhookError.notResolved: WebhookFailure(.notResolved, "\(error)")
        case let error as HTTPFailure:
            switch error.kind {
            case .timedOut: late
            case .connectTimedOut: WebhookFailure(.timeout, "connecting to the receiver timed out")
            default: WebhookFailure(.connection, error.description)
            }
        default: WebhookFailure(.connection, String("\(error)".prefix(300)))
        }
    }
}

/// The span `webhook.send` of one attempt, a child of the span that raised the event. It exists only if the parent span
/// is sampled.
///
/// Source: OpenTelemetry semantic conventions, "HTTP client span".
struct WebhookSpan {
    private let span: (any Span)?
    /// The trace context for the receiver, sent as `traceparent` and `tracestate`.
    let trace: TraceContext?

    init(_ event: WebhookEvent, attempt: Int, to url: WebhookURL, tracer: (any Tracer)?, at start: Timestamp) {
        guard let tracer, let parent = event.trace, parent.isSampled else {
            span = nil
            trace = event.trace
            return
        }
        let span = tracer.startSpan("webhook.send", under: parent, ofKind: .client, at: start)
        span.updateAttributes { attributes in
            attributes["http.request.method"] = "POST"
            attributes["url.full"] = url.description
            attributes["server.address"] = url.host
            attributes["server.port"] = url.port
            attributes["windsock.event.id"] = event.id
            if attempt > 1 { attributes["http.request.resend_count"] = attempt - 1 }
        }
        self.span = span
        trace = span.traceContext ?? parent
    }

    func end(_ outcome: WebhookAttemptResult, at end: Timestamp) {
        guard let span else { return }
        switch outcome {
        case .delivered(let status): span.attributes["http.response.status_code"] = status
        case .retryable(let failure, _), .permanent(let failure): fail(span, failure)
        case .cancelled:
            span.attributes["error.type"] = "cancelled"
            span.setStatus(SpanStatus(code: .error, message: "the gateway stopped"))
        }
        span.end(at: end)
    }

    private func fail(_ span: any Span, _ failure: WebhookFailure) {
        span.updateAttributes { attributes in
            attributes["http.response.status_code"] = failure.status
            attributes["error.type"] = failure.status.map { "\($0)" } ?? failure.kind.rawValue
        }
        span.setStatus(SpanStatus(code: .error, message: failure.description))
    }
}
