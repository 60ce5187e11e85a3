package import AsyncHTTPClient
package import Core
import Foundation
import NIOCore
import NIOHTTP1
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
/// verifies the certificate against the URL's host. Each attempt uses a client and connections of its own and closes
/// them afterwards: events are rare, and a pooled connection would outlive the check.
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
    private let base: HTTPClient.Configuration

    /// - Parameters:
    ///   - tracer: Creates a span for each attempt; `nil` for no spans.
    ///   - client: The base configuration of each attempt's client, for example with other certificates than the
    ///     system's. The settings for redirects, name resolution, connecting, the proxy and tracing are overridden.
    package init(
        _ configuration: WebhookConfiguration,
        tracer: (any Tracer)? = nil,
        resolver: any HostResolver = SystemHostResolver(),
        clock: any WallClock = SystemWallClock(),
        client: HTTPClient.Configuration = HTTPClient.Configuration()
    ) {
        self.configuration = configuration
        policy = AddressPolicy(allowsPrivateAddresses: configuration.allowsPrivateAddresses)
        signer = configuration.secret.map(WebhookSigner.init)
        self.resolver = resolver
        self.tracer = tracer
        self.clock = clock
        base = client
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
            let addresses = try await withTimeout(at: deadline) { try await resolve() }
            if let refused = policy.firstRefused(of: addresses) {
                // A name may resolve to other addresses later; a literal address never changes.
                let isLiteral = IPAddress(configuration.url.host) != nil
                return isLiteral ? .permanent(refusal(of: refused)) : .retryable(refusal(of: refused), after: nil)
            }
            let tried = addresses.prefix(Self.maxAddresses)
            return try await post(request(event, trace: trace), to: tried, by: deadline)
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

    private func request(_ event: WebhookEvent, trace: TraceContext?) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: configuration.url.text)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "User-Agent", value: "windsock/\(WindsockVersion.text)")
        request.headers.add(name: "Windsock-Event-Id", value: event.id)
        if let signer {
            let signature = signer.signature(of: event.body, at: clock.now())
            request.headers.add(name: WebhookSigner.headerName, value: signature)
        }
        if let trace {
            request.headers.add(name: "traceparent", value: trace.traceparent)
            if let state = trace.state { request.headers.add(name: "tracestate", value: state) }
        }
        request.body = .bytes(ByteBuffer(bytes: event.body))
        return request
    }

    /// Sends the request to the first address that accepts a connection.
    private func post(
        _ request: HTTPClientRequest, to addresses: ArraySlice<IPAddress>, by deadline: ContinuousClock.Instant
    ) async throws -> WebhookAttemptResult {
        var last: any Error = WebhookError.notResolved(host: configuration.url.host, reason: "it has no address")
        for address in addresses {
            let client = client(for: address, of: addresses.count)
            do {
                let outcome = try await exchange(request, over: client, by: deadline)
                await close(client)
                return outcome
            } catch {
                await close(client)
                guard ConnectFailure.isOne(error) else { throw error }
                last = error
            }
        }
        throw last
    }

    /// Returns a client that connects only to `address`, one of `count` addresses to try. Its connect timeout is the
    /// attempt's timeout divided by `count`.
    private func client(for address: IPAddress, of count: Int) -> HTTPClient {
        var client = base
        client.dnsOverride = [configuration.url.host: address.description]
        client.redirectConfiguration = .disallow
        client.timeout.connect = TimeAmount(configuration.timeout / count)
        // The service handles retries and tracing.
        client.connectionPool.retryConnectionEstablishment = false
        client.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1
        client.tracing.tracer = nil
        // A proxy would choose the address itself.
        client.proxy = nil
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: client)
    }

    private func exchange(
        _ request: HTTPClientRequest, over client: HTTPClient, by deadline: ContinuousClock.Instant
    ) async throws -> WebhookAttemptResult {
        let timeout = TimeAmount(configuration.timeout)
        let response = try await withTimeout(at: deadline) { try await client.execute(request, timeout: timeout) }
        let answer = WebhookResponse(
            status: Int(response.status.code), retryAfter: response.headers.first(name: "Retry-After"),
            now: clock.now())
        // The outcome is known by now. A body that is too long, too slow or incomplete changes nothing.
        _ = try? await withTimeout(at: .now + Self.bodyTime) {
            try await response.body.collect(upTo: Self.maxResponseBytes)
        }
        return answer.outcome
    }

    private func close(_ client: HTTPClient) async {
        // Fails only if the client was shut down before.
        try? await client.shutdown()
    }

    private func failure(_ error: any Error) -> WebhookFailure {
        let late = WebhookFailure(.timeout, "the receiver did not answer within \(configuration.timeout)")
        return switch error {
        case is TimedOut: late
        case let error as HTTPClientError where [.deadlineExceeded, .readTimeout].contains(error): late
        case let error as HTTPClientError where error == .connectTimeout:
            WebhookFailure(.timeout, "connecting to the receiver timed out")
        case WebhookError.notResolved: WebhookFailure(.notResolved, "\(error)")
        case let error as HTTPClientError: WebhookFailure(.connection, error.shortDescription)
        // Socket and TLS errors are safe to show: they contain neither path nor headers.
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

/// The errors that occur before a connection exists. Nothing was sent then, so another address can be tried.
enum ConnectFailure {
    static func isOne(_ error: any Error) -> Bool {
        switch error {
        case let error as HTTPClientError: error == .connectTimeout
        case let error as IOError:
            [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL, EAFNOSUPPORT].contains(error.errnoCode)
        default: false
        }
    }
}
