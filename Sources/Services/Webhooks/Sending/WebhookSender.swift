package import AsyncHTTPClient
import NIOCore
import NIOHTTP1
package import Telemetry
package import Tracing

/// Sends events to one receiver by HTTP POST, one attempt each.
///
///     event ─▶ addresses of the host ─▶ AddressPolicy ─▶ a connection to an address that passed ─▶ POST ─▶ outcome
///
/// The name is looked up here, and the HTTP client is told to connect to the address that was checked; it never asks
/// for itself, so that a name which answers differently the second time (DNS rebinding) gains nothing. TLS still
/// verifies the certificate against the URL's host. Each attempt has a client and connections of its own, and leaves
/// none behind: events are rare, and a kept connection would outlive the check.
///
/// A request has the headers `Content-Type: application/json`, `User-Agent: windsock/<version>`, `Windsock-Event-Id`,
/// `Windsock-Signature` when there is a secret (``WebhookSigner``), and `traceparent` when the event has a trace.
package struct WebhookSender: WebhookSending {
    /// The most that is read of an answer's body, to be polite to its sender; nobody looks at it.
    private static let maxResponseBytes = 65_536
    /// How long is waited for that body.
    private static let bodyTime = Duration.seconds(1)
    /// The most of a host's addresses that are tried in one attempt.
    private static let maxAddresses = 4

    private let configuration: WebhookConfiguration
    private let policy: AddressPolicy
    private let signer: WebhookSigner?
    private let resolver: any HostResolver
    private let tracer: (any Tracer)?
    private let clock: any WallClock
    private let base: HTTPClient.Configuration

    /// - Parameters:
    ///   - tracer: `nil` makes no spans.
    ///   - client: what to start from for every attempt, for certificates other than the system's. Redirects, names,
    ///     connections and tracing are set here.
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

    package func send(_ event: WebhookEvent, attempt: Int) async -> WebhookOutcome {
        let span = WebhookSpan(event, attempt: attempt, to: configuration.url, tracer: tracer, at: clock.now())
        let outcome = await exchange(event, trace: span.trace)
        span.end(outcome, at: clock.now())
        return outcome
    }

    private func exchange(_ event: WebhookEvent, trace: TraceContext?) async -> WebhookOutcome {
        let deadline = ContinuousClock.now + configuration.timeout
        do {
            let addresses = try await withAttemptDeadline(deadline) { try await resolve() }
            if let refused = policy.firstRefused(of: addresses) {
                // A name may have other addresses in a minute; an address stays what it is.
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
        let subject = isLiteral ? "" : "the host \(configuration.url.host) has "
        return WebhookFailure(
            .addressRefused, "\(subject)the address \(address) (\(scope)), where webhooks may not be sent")
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

    /// Tries the next address when one cannot be connected to.
    private func post(
        _ request: HTTPClientRequest, to addresses: ArraySlice<IPAddress>, by deadline: ContinuousClock.Instant
    ) async throws -> WebhookOutcome {
        var last: any Error = HostResolutionError(host: configuration.url.host, reason: "it has no address")
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

    /// A client that connects to `address` alone, in its share of the time.
    private func client(for address: IPAddress, of count: Int) -> HTTPClient {
        var client = base
        client.dnsOverride = [configuration.url.host: address.description]
        client.redirectConfiguration = .disallow
        client.timeout.connect = TimeAmount(configuration.timeout / count)
        // Attempts are the service's, and so are traces.
        client.connectionPool.retryConnectionEstablishment = false
        client.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1
        client.tracing.tracer = nil
        // A proxy would connect to what it likes.
        client.proxy = nil
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: client)
    }

    private func exchange(
        _ request: HTTPClientRequest, over client: HTTPClient, by deadline: ContinuousClock.Instant
    ) async throws -> WebhookOutcome {
        let timeout = TimeAmount(configuration.timeout)
        let response = try await withAttemptDeadline(deadline) { try await client.execute(request, timeout: timeout) }
        let answer = WebhookAnswer(
            status: Int(response.status.code), retryAfter: response.headers.first(name: "Retry-After"),
            now: clock.now())
        // The outcome is known: a body that is too long, too slow or breaks off changes nothing.
        _ = try? await withAttemptDeadline(.now + Self.bodyTime) {
            try await response.body.collect(upTo: Self.maxResponseBytes)
        }
        return answer.outcome
    }

    private func close(_ client: HTTPClient) async {
        // Fails only when it was shut down before.
        try? await client.shutdown()
    }

    private func failure(_ error: any Error) -> WebhookFailure {
        let late = WebhookFailure(.timeout, "the receiver did not answer within \(configuration.timeout)")
        return switch error {
        case is AttemptTimedOut: late
        case let error as HTTPClientError where [.deadlineExceeded, .readTimeout].contains(error): late
        case let error as HTTPClientError where error == .connectTimeout:
            WebhookFailure(.timeout, "the receiver took no connection in time")
        case let error as HostResolutionError: WebhookFailure(.notResolved, error.description)
        case let error as HTTPClientError: WebhookFailure(.connection, error.shortDescription)
        // Errors of sockets and of TLS say what, and neither path nor headers.
        default: WebhookFailure(.connection, String("\(error)".prefix(300)))
        }
    }
}
