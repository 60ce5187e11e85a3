import Core
import Logging
import Observability
import TestSupport
import Testing

@testable import Webhooks

/// Every stored event is delivered in order and at least once, or is given up and reported as lost.
@Suite("Webhook delivery")
struct WebhookServiceTests {
    private let outbox = MemoryOutbox()
    private let clock = SleepClock()
    private let registry = MetricsRegistry()
    private let log = LogRecorder()

    /// Creates a service whose waits take no time.
    private func service(
        _ url: String, allowsPrivate: Bool = true, timeout: Duration = .seconds(60),
        retries: WebhookRetryPolicy = .init(),
        sleep: (@Sendable (Duration) async throws -> Void)? = nil
    ) throws -> WebhookService {
        let configuration = try WebhookConfiguration(
            url: url, secret: testSecret, allowsPrivateAddresses: allowsPrivate, timeout: timeout, retries: retries)
        let clock = clock
        return WebhookService(
            configuration, outbox: outbox, sender: WebhookSender(configuration, clock: clock),
            metrics: WebhookMetrics(factory: registry), logger: log.logger, clock: clock,
            random: { .max }, sleep: sleep ?? { try await clock.sleep(for: $0) })
    }

    private func running(_ service: WebhookService, _ body: () async throws -> Void) async throws {
        let task = Task { await service.run() }
        let result: Result<Void, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        task.cancel()
        try await withDeadline("the service ended", .seconds(60)) { await task.value }
        try result.get()
    }

    private func count(_ outcome: String) -> Int {
        let samples = registry.snapshot().filter { $0.sourceName == "windsock_webhook_deliveries" }.flatMap(\.samples)
        return samples.reduce(0) { sum, sample in
            let isIt = sample.labels.pairs.contains { $0.sourceName == "outcome" && $0.value == outcome }
            guard isIt, case .number(let value) = sample.value else { return sum }
            return sum + Int(value)
        }
    }

    @Test("Events stored before or during the run are delivered once and in order")
    func order() async throws {
        try await ScriptedHTTPServer.with { receiver in
            let service = try service("http://127.0.0.1:\(receiver.port)/")
            await outbox.put("a", "b")
            try await running(service) {
                try await outbox.waitUntilEmpty()
                await outbox.put("c", "d")
                service.wake()
                try await outbox.waitUntilEmpty()
            }
            #expect(receiver.eventIDs == ["a", "b", "c", "d"])
            #expect(await outbox.deliveredIDs == ["a", "b", "c", "d"])
            #expect(count("delivered") == 4)
            #expect(clock.sleeps.isEmpty)
            #expect(log.lines.isEmpty)
        }
    }

    @Test("A failed event is retried with growing waits, before the events behind it")
    func retries() async throws {
        let answers: [ScriptedHTTPServer.Answer] = [.status(503), .disconnect, .status(500), .status(200)]
        try await ScriptedHTTPServer.with(answers) { receiver in
            await outbox.put("a", "b")
            try await running(try service("http://127.0.0.1:\(receiver.port)/")) { try await outbox.waitUntilEmpty() }
            #expect(receiver.eventIDs == ["a", "a", "a", "a", "b"])
            let waits = clock.sleeps
            try #require(waits.count == 3)
            for (wait, seconds) in zip(waits, [1.0, 2, 4]) {
                #expect(wait > .seconds(seconds * 0.999) && wait <= .seconds(seconds))
            }
            let signatures = receiver.requests.compactMap { $0.header("Windsock-Signature") }
            // Each attempt is signed at its own time, just under 1 + 2 + 4 seconds after the first.
            #expect(signatures.first == testSignature && signatures.last?.hasPrefix("t=1790000006,v1=") == true)
            #expect(count("retried") == 3 && count("delivered") == 2)
        }
    }

    @Test("A receiver's Retry-After is respected, up to the limit")
    func retryAfter() async throws {
        let answers: [ScriptedHTTPServer.Answer] = [
            .status(429, headers: [("Retry-After", "77")]), .status(503, headers: [("Retry-After", "999999")]),
        ]
        try await ScriptedHTTPServer.with(answers) { receiver in
            await outbox.put("a")
            try await running(try service("http://127.0.0.1:\(receiver.port)/")) { try await outbox.waitUntilEmpty() }
            #expect(clock.sleeps == [.seconds(77), .seconds(3600)])
            #expect(receiver.eventIDs == ["a", "a", "a"])
        }
    }

    @Test(
        "An event that fails permanently is dropped at once, and the next is sent",
        arguments: [301, 400, 401, 404, 410])
    func permanent(status: Int) async throws {
        try await ScriptedHTTPServer.with([.status(status)]) { receiver in
            await outbox.put("a", "b")
            try await running(try service("http://127.0.0.1:\(receiver.port)/")) { try await outbox.waitUntilEmpty() }
            #expect(receiver.eventIDs == ["a", "b"])
            #expect(await outbox.deliveredIDs == ["b"])
            #expect(await outbox.lost["a"]?.contains("\(status)") == true)
            #expect(count("gave_up") == 1 && clock.sleeps.isEmpty)
        }
    }

    @Test("A private receiver gets nothing unless configured")
    func privateReceiver() async throws {
        try await ScriptedHTTPServer.with { receiver in
            let url = "http://127.0.0.1:\(receiver.port)/"
            await outbox.put("a")
            try await running(try service(url, allowsPrivate: false)) { try await outbox.waitUntilEmpty() }
            #expect(receiver.requests.isEmpty)
            #expect(await outbox.lost["a"] == "the address 127.0.0.1 (loopback) is not allowed for webhooks")
            await outbox.put("b")
            try await running(try service(url, allowsPrivate: true)) { try await outbox.waitUntilEmpty() }
            #expect(receiver.eventIDs == ["b"])
        }
    }

    @Test("An event is dropped after the maximum attempts, or when it is too old")
    func givenUp() async throws {
        let url = try "http://127.0.0.1:\(FreePort.reserve())/"
        await outbox.put("a")
        try await running(try service(url, retries: .init(maxAttempts: 3))) { try await outbox.waitUntilEmpty() }
        #expect(await outbox.lost["a"]?.hasPrefix("given up after 3 attempts: ") == true)
        #expect(clock.sleeps.count == 2)

        await outbox.put("b", at: clock.now().advanced(by: .seconds(-86_390)))
        try await running(try service(url)) { try await outbox.waitUntilEmpty() }
        #expect(await outbox.lost["b"]?.hasPrefix("given up after 5 attempts: ") == true)
    }

    @Test("An attempt without a response is retried")
    func silent() async throws {
        try await ScriptedHTTPServer.with([.hang]) { receiver in
            await outbox.put("a")
            let service = try service("http://127.0.0.1:\(receiver.port)/", timeout: .seconds(15))
            try await running(service) { try await outbox.waitUntilEmpty() }
            #expect(receiver.eventIDs == ["a", "a"])
            #expect(await outbox.retryReasons == ["the receiver did not answer within 15.0 seconds"])
        }
    }

    @Test("After a restart, delivery continues with the same event, wait and attempt number")
    func restart() async throws {
        let waiting = Lock<[Duration]>([])
        let forever: @Sendable (Duration) async throws -> Void = { duration in
            waiting.withLock { $0.append(duration) }
            await Wakeup().wait(for: nil)
            try Task.checkCancellation()
        }
        try await ScriptedHTTPServer.with([.status(503, headers: [("Retry-After", "600")])]) { receiver in
            let url = "http://127.0.0.1:\(receiver.port)/"
            await outbox.put("a", "b")
            for _ in 1...2 {
                try await running(try service(url, sleep: forever)) {
                    try await eventually("the service waits for the next attempt", within: .seconds(60)) {
                        waiting.withLock { !$0.isEmpty }
                    }
                }
                #expect(waiting.withLock { $0 } == [.seconds(600)])
                waiting.withLock { $0 = [] }
                #expect(receiver.eventIDs == ["a"])
            }
            #expect(await outbox.entries.map(\.failures) == [1, 0])
            try await running(try service(url)) { try await outbox.waitUntilEmpty() }
            #expect(receiver.eventIDs == ["a", "a", "b"])
        }
    }

    @Test("An attempt interrupted by a shutdown does not count")
    func shutdownWhileSending() async throws {
        try await ScriptedHTTPServer.with([.hang]) { receiver in
            let url = "http://127.0.0.1:\(receiver.port)/"
            await outbox.put("a")
            try await running(try service(url, timeout: .seconds(60))) {
                try await eventually("the request arrived", within: .seconds(60)) { receiver.requests.count == 1 }
            }
            #expect(await outbox.entries.map(\.failures) == [0])
            #expect(log.lines.isEmpty)
            try await running(try service(url)) { try await outbox.waitUntilEmpty() }
            #expect(receiver.eventIDs == ["a", "a"])
        }
    }

    @Test("The outbox is not polled while nothing is due")
    func noPolling() async throws {
        let service = try service("http://127.0.0.1:\(FreePort.reserve())/")
        try await running(service) {
            try await eventually("the outbox was read", within: .seconds(60)) { await outbox.reads == 1 }
            for _ in 0..<100 { await Task.yield() }
            #expect(await outbox.reads == 1 && clock.sleeps.isEmpty)
            service.wake()
            try await eventually("the outbox was read again", within: .seconds(60)) { await outbox.reads == 2 }
        }
    }

    @Test("A clock that was set back does not stop delivery")
    func clockSetBack() async throws {
        try await ScriptedHTTPServer.with([.status(503)]) { receiver in
            let clock = clock
            let service = try service("http://127.0.0.1:\(receiver.port)/") { _ in
                clock.set(Timestamp(nanosecondsSinceEpoch: 0))
            }
            await outbox.put("a")
            try await running(service) { try await outbox.waitUntilEmpty() }
            #expect(receiver.eventIDs == ["a", "a"])
        }
    }

    @Test("A failing outbox is retried, and delivered events are not sent again")
    func brokenOutbox() async throws {
        try await ScriptedHTTPServer.with { receiver in
            let service = try service("http://127.0.0.1:\(receiver.port)/")
            await outbox.put("a")
            await outbox.breakDown(times: 2)
            try await running(service) { try await outbox.waitUntilEmpty() }
            #expect(receiver.eventIDs == ["a"] && clock.sleeps.count == 2)
            #expect(log.lines(with: "outbox failed").count == 1 && log.lines(with: "outbox works again").count == 1)
        }
    }

    @Test("A failing receiver is logged once, and its recovery once, without secrets")
    func logLines() async throws {
        let answers: [ScriptedHTTPServer.Answer] = [
            .status(503), .status(503), .status(404), .status(404), .status(200), .status(200), .status(500),
        ]
        try await ScriptedHTTPServer.with(answers) { receiver in
            await outbox.put("a", "b", "c", "d", "e")
            let service = try service("http://127.0.0.1:\(receiver.port)/hidden-path?token=hidden-token")
            try await running(service) { try await outbox.waitUntilEmpty() }
            let first = Array(log.lines.prefix(5))
            #expect(first.count == 5 && log.lines.count == 5)
            #expect(first[0].contains("does not accept events; they are queued"))
            #expect(first[1].contains("A webhook event was dropped"))
            #expect(first[2].contains("accepts events again") && first[2].contains("lost_events=2"))
            #expect(first[3].contains("does not accept events; they are queued"))
            #expect(first[4].contains("accepts events again"))
            for line in log.lines {
                #expect(!line.contains("hidden") && !line.contains(testSecret))
                #expect(line.contains("http://127.0.0.1:\(receiver.port)/REDACTED"))
            }
        }
    }
}
