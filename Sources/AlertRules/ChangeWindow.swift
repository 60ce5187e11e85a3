import Telemetry

/// The least and the greatest value of the last minutes, in a few parts of the window: however many values come, it
/// takes the same room, and a value leaves it up to a part late.
struct ChangeWindow: Sendable, Equatable {
    private struct Part: Equatable {
        var number: Int64
        var minimum: Double
        var maximum: Double
    }

    private static let partCount = SeriesMemory.partCount

    /// Nanoseconds.
    private let partLength: Int64
    private var parts: [Part] = []

    init(_ duration: Duration) {
        let length = Timestamp(nanosecondsSinceEpoch: 0).advanced(by: duration).nanosecondsSinceEpoch
        partLength = max(1, length / Self.partCount)
    }

    /// The extremes of what came before; `nil` when nothing did.
    func extremes(at instant: Timestamp) -> ClosedRange<Double>? {
        let oldest = instant.nanosecondsSinceEpoch / partLength - Self.partCount
        let recent = parts.filter { $0.number >= oldest }
        guard let minimum = recent.map(\.minimum).min(), let maximum = recent.map(\.maximum).max() else { return nil }
        return minimum...maximum
    }

    /// Whether the instant lies a whole window before what came last: a clock was set back, or a value comes very late.
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
