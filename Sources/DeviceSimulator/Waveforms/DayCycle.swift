import Foundation

/// A day outdoors: lowest before sunrise, highest in the afternoon, and longer in cooling than in warming.
struct DayCycle: WaveformPart {
    var low: Double
    var high: Double
    /// How long a day lasts; shorter ones let a viewer see movement.
    var period: Duration = .seconds(86_400)
    /// The part of the day that has passed at the start: 0 is midnight, 0.5 noon.
    var start: Double = 0
    /// Whether the nights are flat, as light is.
    var isDaylight = false

    /// Coldest and warmest hour of a usual day, as parts of it.
    private static let lowest = 5.0 / 24
    private static let highest = 15.0 / 24

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        let days = elapsed.seconds / period.seconds + start
        return low + (high - low) * Self.level(at: days - days.rounded(.down), isDaylight: isDaylight)
    }

    /// From 0 to 1 for a part of the day.
    private static func level(at part: Double, isDaylight: Bool) -> Double {
        // Light: half a sine from 6 to 18 o'clock.
        if isDaylight { return max(0, sin(2 * .pi * (part - 0.25))) }
        let warming = highest - lowest
        let sinceLowest = part < lowest ? part + 1 - lowest : part - lowest
        let progress = sinceLowest < warming ? sinceLowest / warming : 1 + (sinceLowest - warming) / (1 - warming)
        return (1 - cos(.pi * progress)) / 2
    }
}
