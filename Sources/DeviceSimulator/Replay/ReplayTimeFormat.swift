import Telemetry

/// How a CSV writes its times. The raw values are the words of device files.
package enum ReplayTimeFormat: String, CaseIterable, Sendable {
    /// ISO 8601 or Unix time, whose unit is told by its size.
    case auto
    /// A date and time such as `2015-02-02 14:19:00` or `2015-02-02T14:19:00+01:00`; UTC without an offset.
    case iso8601
    /// Unix time in seconds.
    case seconds
    /// Unix time in milliseconds.
    case milliseconds

    /// The time that `text` says, or `nil` when it is none of this format.
    func parse(_ text: some StringProtocol) -> Timestamp? {
        switch self {
        case .iso8601: return Timestamp(iso8601: text)
        case .seconds: return Double(text).flatMap(Timestamp.init(secondsSinceEpoch:))
        case .milliseconds: return Double(text).flatMap(Timestamp.init(millisecondsSinceEpoch:))
        case .auto:
            if let time = Timestamp(iso8601: text) { return time }
            guard let number = Double(text), number.isFinite else { return nil }
            // Seconds of every year before 5138, milliseconds of every one after March 1973.
            return number.magnitude < 1e11
                ? Timestamp(secondsSinceEpoch: number) : Timestamp(millisecondsSinceEpoch: number)
        }
    }

    /// What is allowed, for messages.
    var allowed: String {
        switch self {
        case .auto: "2015-02-02 14:19:00, ISO 8601, or Unix time in seconds or milliseconds"
        case .iso8601: "2015-02-02 14:19:00 or ISO 8601"
        case .seconds: "Unix time in seconds"
        case .milliseconds: "Unix time in milliseconds"
        }
    }
}
