import Foundation
import Telemetry

/// What an answer's status and headers say about another attempt.
struct WebhookAnswer {
    let status: Int
    let retryAfter: Duration?

    /// - Parameter retryAfter: the header's text: seconds, or a date (RFC 9110, sections 10.2.3 and 5.6.7). What is
    ///   neither counts as absent.
    init(status: Int, retryAfter: String?, now: Timestamp) {
        self.status = status
        self.retryAfter = retryAfter.flatMap { Self.duration($0, now: now) }
    }

    /// Redirects are not followed: they would lead to an address that nobody configured, with a signature for it.
    var outcome: WebhookOutcome {
        let failure = WebhookFailure(.status, status: status, "the receiver answered \(status)")
        return switch status {
        case 200..<300: .delivered(status: status)
        case 408, 425, 429, 500..<600: .retryable(failure, after: retryAfter)
        case 300..<400:
            .permanent(
                WebhookFailure(.status, status: status, "the receiver answered \(status); redirects are not followed"))
        default: .permanent(failure)
        }
    }

    private static func duration(_ text: String, now: Timestamp) -> Duration? {
        let text = text.trimmingCharacters(in: .whitespaces)
        if !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return .seconds(Int32(text) ?? .max)
        }
        for format in ["EEE, dd MMM yyyy HH:mm:ss zzz", "EEEE, dd-MMM-yy HH:mm:ss zzz", "EEE MMM d HH:mm:ss yyyy"] {
            let formatter = DateFormatter()
            formatter.locale = Locale(identifier: "en_US_POSIX")
            formatter.timeZone = TimeZone(secondsFromGMT: 0)
            formatter.dateFormat = format
            guard let date = formatter.date(from: text),
                let time = Timestamp(secondsSinceEpoch: date.timeIntervalSince1970)
            else { continue }
            return max(time.since(now), .zero)
        }
        return nil
    }
}
