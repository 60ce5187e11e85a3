import Foundation

/// A daily curve. By default it follows the outdoor temperature: lowest at 5:00, highest at 15:00, with longer cooling
/// than warming.
struct DayCycle: WaveformPart {
    var low: Double
    var high: Double
    /// The length of a day. Shorter days make changes visible to a viewer.
    var period: Duration = .seconds(86_400)
    /// The fraction of the day that has passed at the start: 0 is midnight, 0.5 noon.
    var start: Double = 0
    /// True for a curve like daylight, which is flat at night.
    var isDaylight = false

    /// The coldest and warmest hours of a typical day, as fractions of it.
    private static let lowest = 5.0 / 24
    private static let highest = 15.0 / 24

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        let days = elapsed.seconds / period.seconds + start
        return low + (high - low) * Self.level(at: days - days.rounded(.down), isDaylight: isDaylight)
    }

    /// Returns a level from 0 to 1 for a fraction of the day.
    private static func level(at part: Double, isDaylight: Bool) -> Double {
        // Daylight is half a sine wave from 6:00 to 18:00.
        if isDaylight { return max(0, sin(2 * .pi * (part - 0.25))) }
        let warming = highest - lowest
        let sinceLowest = part < lowest ? part + 1 - lowest : part - lowest
        let progress = sinceLowest < warming ? sinceLowest / warming : 1 + (sinceLowest - warming) / (1 - warming)
        return (1 - cos(.pi * progress)) / 2
    }
}

/// A sine wave around 0.
struct Sine: WaveformPart {
    /// Half the distance between the lowest and the highest value.
    var amplitude: Double
    var period: Duration
    /// The fraction of a period that has passed at the start, 0 to 1.
    var phase: Double = 0

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        amplitude * sin(2 * .pi * (elapsed.seconds / period.seconds + phase))
    }
}

/// A repeating sequence of levels, each held for the same time.
struct Steps: WaveformPart {
    /// The values in order; never empty.
    var levels: [Double]
    /// The time for which each level is held.
    var hold: Duration

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        let number = Int((elapsed.seconds / hold.seconds).rounded(.down))
        return levels[number % levels.count]
    }
}

/// A number that increases by the same step with every sample, whether or not its message is delivered. As a sequence
/// number, it reveals lost messages.
struct Counter: WaveformPart {
    /// The next sample's value.
    private var next: Double
    var step: Double

    init(start: Double = 0, step: Double = 1) {
        next = start
        self.step = step
    }

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        defer { next += step }
        return next
    }
}

/// A constant value.
struct Constant: WaveformPart {
    var value: Double

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double { value }
}
