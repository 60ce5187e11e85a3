import Core

/// The condition of an alert rule: a limit on values, a change of values, or missing data.
package enum AlertCondition: Sendable, Equatable, CustomStringConvertible {
    /// The direction of a change.
    package enum Direction: String, Sendable, CaseIterable {
        case any, rise, fall
    }

    case above(Double)
    case below(Double)
    case outside(ClosedRange<Double>)
    /// The value differs by more than `by` from the minimum or the maximum of the values in the preceding `within`.
    /// `rise` compares with the minimum, `fall` with the maximum, `any` with both.
    case change(by: Double, within: Duration, Direction)
    /// The device has not sent the metric for this long.
    case noData(Duration)

    package var description: String {
        switch self {
        case .above(let limit): "above \(Self.text(limit))"
        case .below(let limit): "below \(Self.text(limit))"
        case .outside(let range): "outside \(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
        case .change(let amount, let window, .any):
            "change by more than \(Self.text(amount)) within \(DurationText.format(window))"
        case .change(let amount, let window, let direction):
            "\(direction.rawValue) by more than \(Self.text(amount)) within \(DurationText.format(window))"
        case .noData(let duration): "no data for \(DurationText.format(duration))"
        }
    }

    /// Returns true if the condition holds for a value.
    ///
    /// - Parameters:
    ///   - isHolding: True if the condition held for the previous value. It then ends only when the value is back
    ///     within the limit by `hysteresis`.
    ///   - extremes: The minimum and maximum of the earlier values in the window. Only `change` uses them.
    func holds(
        for value: Double, isHolding: Bool, hysteresis: Double, extremes: ClosedRange<Double>?
    ) -> Bool {
        let back = isHolding ? hysteresis : 0
        switch self {
        case .above(let limit): return value > limit - back
        case .below(let limit): return value < limit + back
        case .outside(let range): return value < range.lowerBound + back || value > range.upperBound - back
        case .change(let amount, _, let direction):
            guard let extremes else { return false }
            let risen = value - extremes.lowerBound
            let fallen = extremes.upperBound - value
            switch direction {
            case .any: return max(risen, fallen) > amount - back
            case .rise: return risen > amount - back
            case .fall: return fallen > amount - back
            }
        case .noData: return false
        }
    }

    /// Formats a number as in JSON: the shortest form that parses back to the same value.
    package static func text(_ value: Double) -> String {
        var bytes: [UInt8] = []
        JSONWriter.append(value, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A sliding window over a metric's values. It keeps only the minimum and the maximum of each of 60 sub-intervals.
///
/// Memory use does not depend on the number of values. A value may leave the window late by up to one sub-interval.
struct ChangeWindow: Sendable, Equatable {
    private struct Part: Equatable {
        /// The index of the sub-interval: nanoseconds since the epoch divided by its length.
        var number: Int64
        var minimum: Double
        var maximum: Double
    }

    private static let partCount = StoredSeriesState.partCount

    /// The length of a sub-interval in nanoseconds.
    private let partLength: Int64
    private var parts: [Part] = []

    init(_ duration: Duration) {
        let length = Timestamp(nanosecondsSinceEpoch: 0).advanced(by: duration).nanosecondsSinceEpoch
        partLength = max(1, length / Self.partCount)
    }

    /// Returns the minimum and maximum of the earlier values in the window; `nil` if there are none.
    func extremes(at instant: Timestamp) -> ClosedRange<Double>? {
        let oldest = instant.nanosecondsSinceEpoch / partLength - Self.partCount
        let recent = parts.filter { $0.number >= oldest }
        guard let minimum = recent.map(\.minimum).min(), let maximum = recent.map(\.maximum).max() else { return nil }
        return minimum...maximum
    }

    /// Returns true if `instant` is more than a whole window older than the latest value: a clock was set back, or a
    /// value is very late.
    func isAhead(of instant: Timestamp) -> Bool {
        parts.last.map { $0.number - Self.partCount > instant.nanosecondsSinceEpoch / partLength } ?? false
    }

    mutating func clear() { parts = [] }

    mutating func add(_ value: Double, at instant: Timestamp) {
        let number = instant.nanosecondsSinceEpoch / partLength
        parts.removeAll { $0.number < number - Self.partCount }
        if let last = parts.last, last.number >= number {
            parts[parts.count - 1].minimum = min(last.minimum, value)
            parts[parts.count - 1].maximum = max(last.maximum, value)
        } else {
            parts.append(Part(number: number, minimum: value, maximum: value))
        }
    }
}
