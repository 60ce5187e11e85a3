/// The same value for ever.
struct Constant: WaveformPart {
    var value: Double

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double { value }
}
