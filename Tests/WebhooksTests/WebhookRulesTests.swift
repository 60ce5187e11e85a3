import Core
import Testing

@testable import Webhooks

/// Pure rules: signatures, retry delays, responses and their outcomes.
@Suite("Webhook rules")
struct WebhookRulesTests {
    @Test("The signature equals that of another implementation")
    func signature() throws {
        let signer = WebhookSigner(secret: try WebhookSecret(testSecret))
        #expect(signer.signature(of: WebhookEvent.test("a").body, at: .testStart) == testSignature)
        #expect(signer.signature(of: [], at: .testStart) != testSignature)
        #expect(signer.signature(of: [], at: .testStart.advanced(by: .seconds(1))).hasPrefix("t=1790000001,v1="))
    }

    @Test(
        "The ceiling of waits doubles up to the maximum",
        arguments: [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (100, 300), (100_000, 300)])
    func ceiling(failures: Int, seconds: Int) {
        let policy = WebhookRetryPolicy()
        let most = policy.wait(afterFailures: failures, retryAfter: nil, random: .max)
        #expect(most <= .seconds(seconds) && most > .seconds(Double(seconds) * 0.999))
        #expect(
            policy.wait(afterFailures: failures, retryAfter: nil, random: .max / 2) < .seconds(Double(seconds) * 0.501))
        #expect(policy.wait(afterFailures: failures, retryAfter: nil, random: 0) == .zero)
    }

    @Test("A receiver's Retry-After is respected, up to a limit")
    func retryAfter() {
        let policy = WebhookRetryPolicy()
        #expect(policy.wait(afterFailures: 1, retryAfter: .seconds(120), random: .max) == .seconds(120))
        #expect(policy.wait(afterFailures: 1, retryAfter: .seconds(1_000_000), random: 0) == .seconds(3600))
        #expect(policy.wait(afterFailures: 10, retryAfter: .seconds(1), random: .max) > .seconds(299))
    }

    @Test(
        "Temporary failures are retried, permanent ones are not",
        arguments: [
            200, 201, 202, 204, 299, 301, 302, 307, 308, 400, 401, 403, 404, 408, 410, 413, 425, 429, 500, 502, 503,
            504, 599,
        ])
    func statuses(status: Int) {
        let outcome = WebhookResponse(status: status, retryAfter: nil, now: .testStart).outcome
        switch outcome {
        case .delivered: #expect((200..<300).contains(status))
        case .retryable(let failure, _):
            #expect([408, 425, 429].contains(status) || status >= 500)
            #expect(failure.description == "the receiver answered \(status)")
        case .permanent(let failure):
            #expect((300..<500).contains(status) && ![408, 425, 429].contains(status))
            #expect(failure.status == status)
        case .cancelled: Issue.record("the attempt was not cancelled")
        }
    }

    @Test(
        "Retry-After is a number of seconds or an HTTP date",
        arguments: [
            ("0", 0), (" 120 ", 120), ("Mon, 21 Sep 2026 14:14:20 GMT", 60), ("Monday, 21-Sep-26 14:14:20 GMT", 60),
            ("Mon Sep 21 14:14:20 2026", 60), ("Mon, 21 Sep 2026 14:00:00 GMT", 0),
            ("99999999999999999999", 2_147_483_647),
            ("-1", nil), ("soon", nil), ("", nil),
        ] as [(String, Int?)])
    func retryAfterForms(text: String, seconds: Int?) {
        let answer = WebhookResponse(status: 503, retryAfter: text, now: .testStart)
        #expect(answer.retryAfter == seconds.map { .seconds($0) })
    }

    private let entry = WebhookEntry(event: .test("a"), storedAt: .testStart, failures: 3, dueAt: nil)
    private let failure = WebhookFailure(.connection, "nobody there")

    private func verdict(_ outcome: WebhookAttemptResult, after age: Duration, maxAttempts: Int = 100)
        -> WebhookDisposition?
    {
        WebhookDisposition(
            outcome, for: entry, retries: WebhookRetryPolicy(maxAttempts: maxAttempts),
            at: .testStart.advanced(by: age), random: 0)
    }

    @Test("An event is dropped after the maximum attempts or age, not because of a shutdown")
    func verdicts() {
        let again = WebhookAttemptResult.retryable(failure, after: .seconds(7))
        #expect(
            verdict(again, after: .seconds(1))
                == .retry(at: .testStart.advanced(by: .seconds(8)), reason: "nobody there"))
        #expect(
            verdict(again, after: .seconds(1), maxAttempts: 5)
                == .retry(at: .testStart.advanced(by: .seconds(8)), reason: "nobody there"))
        #expect(
            verdict(again, after: .seconds(1), maxAttempts: 4)
                == .gaveUp(reason: "given up after 4 attempts: nobody there"))
        #expect(verdict(again, after: .seconds(86_400)) == .gaveUp(reason: "given up after 4 attempts: nobody there"))
        #expect(verdict(.permanent(failure), after: .zero) == .gaveUp(reason: "nobody there"))
        #expect(verdict(.delivered(status: 200), after: .seconds(90_000)) == .delivered)
        #expect(verdict(.cancelled, after: .seconds(90_000)) == nil)
    }

    @Test("Failures are logged once at their start, on the first loss and at their end")
    func health() {
        var health = ReceiverHealth()
        #expect(health.succeeded() == nil)
        #expect(health.failed(isLost: false, at: .testStart) == .fails)
        #expect(health.failed(isLost: false, at: .testStart.advanced(by: .seconds(1))) == nil)
        #expect(health.failed(isLost: true, at: .testStart) == .losesEvents)
        #expect(health.failed(isLost: true, at: .testStart) == nil)
        #expect(health.succeeded() == .recovered(.init(since: .testStart, failures: 4, lostEvents: 2)))
        #expect(health.succeeded() == nil)
    }
}
