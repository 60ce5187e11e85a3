import Core
import OTLP
import TestSupport
import Testing
import Tracing

@testable import Webhooks

/// A single attempt against a real server: its request, destination and outcome.
@Suite("Sending a webhook")
struct WebhookSenderTests {
    private func sender(
        _ url: String, secret: String? = testSecret, allowsPrivate: Bool = true, timeout: Duration = .seconds(60),
        tracer: (any Tracer)? = nil, resolver: any HostResolver = SystemHostResolver()
    ) throws -> WebhookSender {
        let configuration = try WebhookConfiguration(
            url: url, secret: secret, allowsPrivateAddresses: allowsPrivate, timeout: timeout)
        return WebhookSender(configuration, tracer: tracer, resolver: resolver, clock: SleepClock())
    }

    @Test("The receiver gets the event unchanged, with a valid signature")
    func request() async throws {
        try await ScriptedHTTPServer.with { receiver in
            let sender = try sender("http://127.0.0.1:\(receiver.port)/hooks/a?token=b")
            #expect(await sender.send(.test("event-1"), attempt: 1) == .delivered(status: 200))
            let request = try #require(receiver.requests.first)
            #expect(receiver.requests.count == 1)
            #expect(request.method == "POST" && request.uri == "/hooks/a?token=b")
            #expect(request.text == #"{"alert":"too hot"}"#)
            #expect(request.header("Windsock-Signature") == testSignature)
            #expect(request.eventID == "event-1")
            #expect(request.header("Content-Type") == "application/json")
            #expect(request.header("User-Agent") == "windsock/\(WindsockVersion.text)")
            #expect(request.header("Content-Length") == "19")
            #expect(request.header("traceparent") == nil)
            try await eventually("the connection is closed", within: .seconds(60)) { receiver.openConnections == 0 }
        }
    }

    @Test("Without a secret there is no signature")
    func unsigned() async throws {
        try await ScriptedHTTPServer.with { receiver in
            let sender = try sender("http://127.0.0.1:\(receiver.port)/", secret: nil)
            #expect(await sender.send(.test("a"), attempt: 1) == .delivered(status: 200))
            #expect(receiver.requests.map { $0.header("Windsock-Signature") } == [nil])
        }
    }

    @Test(
        "Loopback is rejected in every notation, without a connection",
        arguments: [
            "127.0.0.1", "127.1", "0x7f.1", "2130706433", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
            "0.0.0.0", "[::]",
        ])
    func refused(host: String) async throws {
        try await ScriptedHTTPServer.with { receiver in
            let sender = try sender("http://\(host):\(receiver.port)/secret", allowsPrivate: false)
            let outcome = await sender.send(.test("a"), attempt: 1)
            let failure: WebhookFailure
            switch outcome {
            case .permanent(let refused):
                #expect(IPAddress(host.trimmingPrefix("[").prefix { $0 != "]" }) != nil)
                failure = refused
            // A name may have other addresses later.
            case .retryable(let refused, after: nil): failure = refused
            default:
                Issue.record("\(outcome)")
                return
            }
            #expect(failure.kind == .addressRefused && failure.status == nil)
            #expect(failure.description.contains("is not allowed for webhooks"))
            #expect(receiver.requests.isEmpty && receiver.openConnections == 0)
        }
    }

    @Test(
        "Private addresses are allowed in every notation, if configured",
        arguments: ["127.0.0.1", "127.1", "localhost", "[::ffff:127.0.0.1]"])
    func allowed(host: String) async throws {
        try await ScriptedHTTPServer.with { receiver in
            let sender = try sender("http://\(host):\(receiver.port)/")
            #expect(await sender.send(.test("a"), attempt: 1) == .delivered(status: 200))
        }
    }

    @Test("A name with a private address is rejected temporarily, even if another is public")
    func mixedAddresses() async throws {
        let hosts = ListedHosts(["hooks.example": ["93.184.215.14", "10.0.0.1"]])
        let sender = try sender("http://hooks.example/", allowsPrivate: false, resolver: hosts)
        guard case .retryable(let failure, after: nil) = await sender.send(.test("a"), attempt: 1) else {
            Issue.record("it was sent")
            return
        }
        #expect(
            failure.description
                == "the host hooks.example is refused: the address 10.0.0.1 (private) is not allowed for webhooks")
    }

    /// The name exists only in the test's resolver, so a lookup through the system would fail.
    @Test("The connection goes to the checked address, with the name in the Host header")
    func pinned() async throws {
        try await ScriptedHTTPServer.with { receiver in
            let hosts = ListedHosts(["hooks.example": ["127.0.0.1"]])
            let sender = try sender("http://hooks.example:\(receiver.port)/", resolver: hosts)
            #expect(await sender.send(.test("a"), attempt: 1) == .delivered(status: 200))
            #expect(receiver.requests.first?.header("Host") == "hooks.example:\(receiver.port)")
        }
    }

    @Test("If one address accepts no connection, the next is tried")
    func nextAddress() async throws {
        try await ScriptedHTTPServer.with { receiver in
            let hosts = ListedHosts(["hooks.example": ["127.0.0.2", "127.0.0.1"]])
            let sender = try sender("http://hooks.example:\(receiver.port)/", resolver: hosts)
            #expect(await sender.send(.test("a"), attempt: 1) == .delivered(status: 200))
        }
    }

    @Test("An address that accepts no connection in its share of the timeout is skipped")
    func silentAddress() async throws {
        try await ScriptedHTTPServer.with { receiver in
            // Packets to it are dropped.
            let silent = try FullSocket(host: "127.0.0.2", port: receiver.port)
            let hosts = ListedHosts(["hooks.example": ["127.0.0.2", "127.0.0.1"], "silent.example": ["127.0.0.2"]])
            let sender = try sender("http://hooks.example:\(receiver.port)/", timeout: .seconds(10), resolver: hosts)
            #expect(await sender.send(.test("a"), attempt: 1) == .delivered(status: 200))
            let alone = try self.sender(
                "http://silent.example:\(receiver.port)/", timeout: .milliseconds(200), resolver: hosts)
            guard case .retryable(let failure, after: nil) = await alone.send(.test("a"), attempt: 1) else {
                Issue.record("it was sent")
                return
            }
            #expect(failure.kind == .timeout)
            withExtendedLifetime(silent) {}
        }
    }

    @Test("Each event uses a connection of its own")
    func freshConnections() async throws {
        try await ScriptedHTTPServer.with { receiver in
            let sender = try sender("http://127.0.0.1:\(receiver.port)/")
            for name in ["a", "b", "c"] {
                #expect(await sender.send(.test(name), attempt: 1) == .delivered(status: 200))
            }
            #expect(receiver.connectionCount == 3)
            try await eventually("the connections are closed") { receiver.openConnections == 0 }
        }
    }

    @Test("Redirects are not followed", arguments: [301, 302, 303, 307, 308])
    func redirects(status: Int) async throws {
        try await ScriptedHTTPServer.with { elsewhere in
            let location = [("Location", "http://127.0.0.1:\(elsewhere.port)/")]
            try await ScriptedHTTPServer.with([.status(status, headers: location)]) { receiver in
                let outcome = try await sender("http://127.0.0.1:\(receiver.port)/").send(.test("a"), attempt: 1)
                guard case .permanent(let failure) = outcome else {
                    Issue.record("\(outcome)")
                    return
                }
                #expect(failure.description == "the receiver answered \(status); redirects are not followed")
                #expect(receiver.requests.count == 1 && elsewhere.requests.isEmpty)
            }
        }
    }

    @Test("A Retry-After header determines the time of the next attempt")
    func retryAfter() async throws {
        try await ScriptedHTTPServer.with([.status(429, headers: [("Retry-After", "42")])]) { receiver in
            let outcome = try await sender("http://127.0.0.1:\(receiver.port)/").send(.test("a"), attempt: 1)
            let failure = WebhookFailure(.status, status: 429, "the receiver answered 429")
            #expect(outcome == .retryable(failure, after: .seconds(42)))
        }
    }

    @Test("A receiver that never responds costs the timeout, and its connection is closed")
    func timeout() async throws {
        try await ScriptedHTTPServer.with([.hang]) { receiver in
            let sender = try sender("http://127.0.0.1:\(receiver.port)/", timeout: .seconds(15))
            let outcome = await sender.send(.test("a"), attempt: 1)
            let failure = WebhookFailure(.timeout, "the receiver did not answer within 15.0 seconds")
            #expect(outcome == .retryable(failure, after: nil))
            #expect(receiver.requests.count == 1)
            try await eventually("the connection is closed", within: .seconds(60)) { receiver.openConnections == 0 }
        }
    }

    @Test("An endless response body does not change the outcome")
    func endlessBody() async throws {
        try await ScriptedHTTPServer.with([.endless(status: 202)]) { receiver in
            let sender = try sender("http://127.0.0.1:\(receiver.port)/", timeout: .seconds(15))
            #expect(await sender.send(.test("a"), attempt: 1) == .delivered(status: 202))
        }
    }

    @Test("A failed connection or a missing response is a temporary failure")
    func noConnection() async throws {
        let nobody = try await sender("http://127.0.0.1:\(FreePort.reserve())/").send(.test("a"), attempt: 1)
        try await ScriptedHTTPServer.with([.disconnect]) { receiver in
            let gone = try await sender("http://127.0.0.1:\(receiver.port)/").send(.test("a"), attempt: 1)
            let hosts = ListedHosts([:])
            let unknown = try await sender("http://hooks.example/", resolver: hosts).send(.test("a"), attempt: 1)
            let kinds = [nobody, gone, unknown].map { outcome -> WebhookFailure.Kind? in
                if case .retryable(let failure, nil) = outcome { failure.kind } else { nil }
            }
            #expect(kinds == [.connection, .connection, .notResolved])
        }
    }

    @Test("Cancellation ends an attempt at once, and the attempt does not count")
    func cancelled() async throws {
        try await ScriptedHTTPServer.with([.hang]) { receiver in
            let sender = try sender("http://127.0.0.1:\(receiver.port)/", timeout: .seconds(60))
            let task = Task { await sender.send(.test("a"), attempt: 1) }
            try await eventually("the request arrived", within: .seconds(60)) { receiver.requests.count == 1 }
            task.cancel()
            let outcome = try await withDeadline("the attempt ended", .seconds(60)) { await task.value }
            #expect(outcome == .cancelled)
            try await eventually("the connection is closed", within: .seconds(60)) { receiver.openConnections == 0 }
        }
    }
}
