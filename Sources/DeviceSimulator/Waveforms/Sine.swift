import Foundation

/// A sine around 0.
struct Sine: WaveformPart {
    /// Half the way from the lowest to the highest value.
    var amplitude: Double
    var period: Duration
    /// The part of a period that has already passed at the start, 0 to 1.
    var phase: Double = 0

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        amplitude * sin(2 * .pi * (elapsed.seconds / period.seconds + phase))
    }
}
