import Telemetry

/// What must be the case for an alert.
package enum AlertCondition: Sendable, Equatable, CustomStringConvertible {
    /// Which way a value changes.
    package enum Direction: String, Sendable, CaseIterable {
        case any, rise, fall
    }

    case above(Double)
    case below(Double)
    case outside(ClosedRange<Double>)
    /// The value differs by more than that from any value of the time before.
    case change(by: Double, within: Duration, Direction)
    /// The device has not given the metric for so long.
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

    /// Whether the condition holds for a value.
    ///
    /// - Parameters:
    ///   - isHolding: Whether it has held until now: then the value must be back by the hysteresis.
    ///   - extremes: The least and the greatest value of the window, for changes.
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

    /// A number as JSON has it: the shortest that reads back equal.
    package static func text(_ value: Double) -> String {
        var bytes: [UInt8] = []
        JSONWriter.append(value, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
