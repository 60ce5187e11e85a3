import Core
import SwiftProtobuf
import Testing

@testable import OTLP

/// The responses that permit a retry, and its delay.
@Suite("Retry rules")
struct RetryRulesTests {
    /// 2026-11-23T12:00:00Z, a Monday.
    private let now = Timestamp(nanosecondsSinceEpoch: 1_795_435_200_000_000_000)

    @Test(
        "Retry-After is a number of seconds or an HTTP date, limited to five minutes",
        arguments: [
            ("0", .zero), ("2", .seconds(2)), (" 120 ", .seconds(120)), ("86400", .seconds(300)),
            ("99999999999999999999999", .seconds(300)), ("-1", nil), ("1.5", nil), ("soon", nil), ("", nil),
            ("Mon, 23 Nov 2026 12:00:30 GMT", .seconds(30)), ("Monday, 23-Nov-26 12:00:30 GMT", .seconds(30)),
            ("Mon Nov 23 12:00:30 2026", .seconds(30)), ("Mon, 23 Nov 2026 11:59:00 GMT", .zero),
            ("Tue, 24 Nov 2026 12:00:00 GMT", .seconds(300)),
        ] as [(String, Duration?)])
    func retryAfter(text: String, wait: Duration?) {
        #expect(RetryAfter.duration(text, now: now) == wait)
    }

    @Test("429, 502, 503 and 504 are retried; no other status is", arguments: 100..<600)
    func statuses(status: Int) {
        let outcome = ResponseReader(signal: .logs).outcome(
            status: status, contentType: nil, retryAfter: "3", body: [], now: now)
        switch status {
        case 200..<300: #expect(outcome == .accepted(rejected: 0, message: nil))
        case 429, 502, 503, 504:
            #expect(outcome == .unavailable(reason: "HTTP \(status)", retryAfter: .seconds(3)))
        default: #expect(outcome == .refused(reason: "HTTP \(status)"))
        }
    }

    @Test("A partial success is parsed from protobuf and JSON, for every signal", arguments: OTLPSignal.allCases)
    func partialSuccess(signal: OTLPSignal) throws {
        let member = [OTLPSignal.traces: "rejectedSpans", .metrics: "rejectedDataPoints", .logs: "rejectedLogRecords"]
        let name = try #require(member[signal])
        let json = #"{"partialSuccess":{"\#(name)":"2","errorMessage":"a\nb","later":1}}"#
        let bytes: [UInt8] = [0x0A, 0x07, 0x08, 0x02, 0x12, 0x03, 0x61, 0x0A, 0x62]
        for (type, body) in [("application/json; charset=utf-8", Array(json.utf8)), (nil, bytes)] {
            let outcome = ResponseReader(signal: signal).outcome(
                status: 200, contentType: type, retryAfter: nil, body: body, now: now)
            #expect(outcome == .accepted(rejected: 2, message: "a b"))
        }
    }

    @Test("The reason of a refusal is short, on one line, and taken from text only")
    func reasons() {
        let reader = ResponseReader(signal: .traces)
        let text = Array(("bad\r\n" + String(repeating: "x", count: 500)).utf8)
        func outcome(_ type: String) -> ExportOutcome {
            reader.outcome(status: 400, contentType: type, retryAfter: nil, body: text, now: now)
        }
        #expect(outcome("text/plain") == .refused(reason: "HTTP 400: bad  " + String(repeating: "x", count: 195)))
        #expect(outcome("application/x-protobuf") == .refused(reason: "HTTP 400"))
    }
}
