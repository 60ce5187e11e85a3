/// Levels that are held one after the other, and then from the first again.
struct Steps: WaveformPart {
    /// Never empty.
    var levels: [Double]
    /// How long each level is held.
    var hold: Duration

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        let number = Int((elapsed.seconds / hold.seconds).rounded(.down))
        return levels[number % levels.count]
    }
}
