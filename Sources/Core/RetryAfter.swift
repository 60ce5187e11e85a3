import Foundation

/// A parser of the `Retry-After` header, which contains a number of seconds or a date.
///
/// Source: RFC 9110, sections 10.2.3 and 5.6.7 (the three date formats).
package enum RetryAfter {
    /// The maximum wait that is accepted. A longer one is assumed to be a mistake.
    package static let maximum = Duration.seconds(300)

    /// Returns the wait, from zero to `maximum`, or `nil` if `text` is neither a number nor a date. A date before `now`
    /// gives zero.
    package static func duration(_ text: String, now: Timestamp, atMost maximum: Duration = Self.maximum) -> Duration? {
        let text = text.trimmingCharacters(in: .whitespaces)
        if !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return Int(text).map { min(.seconds($0), maximum) } ?? maximum
        }
        for format in ["EEE, dd MMM yyyy HH:mm:ss zzz", "EEEE, dd-MMM-yy HH:mm:ss zzz", "EEE MMM d HH:mm:ss yyyy"] {
            let formatter = DateFormatter()
            formatter.locale = Locale(identifier: "en_US_POSIX")
            formatter.timeZone = TimeZone(secondsFromGMT: 0)
            formatter.dateFormat = format
            guard let date = formatter.date(from: text),
                let time = Timestamp(secondsSinceEpoch: date.timeIntervalSince1970)
            else { continue }
            return min(max(time.since(now), .zero), maximum)
        }
        return nil
    }
}
