import Foundation

/// Something that happens now and then and takes a while: a door that is opened, a compressor that runs.
///
/// Time is cut into windows of ``every``; in each, one pulse begins somewhere at random and lasts ``width``. Where it
/// begins depends only on the device's seed and on these two spans: pulses of different metrics of one device coincide
/// when both spans are equal. So a temperature climbs exactly while a door is open.
struct Pulse: WaveformPart {
    /// How far a pulse lifts the value, when it lasts long enough.
    var height: Double
    var windows: Windows
    /// The time in which the value comes near (63 %) its height; 0 is at once.
    var rise: Duration = .zero
    /// The time in which it comes near its ground again; 0 is at once.
    var fall: Duration = .zero

    mutating func begin(deviceSeed: UInt64) {
        windows = windows.seeded(deviceSeed)
    }

    mutating func value(at elapsed: Duration, random: inout SeededGenerator) -> Double {
        let number = windows.number(at: elapsed)
        var sum = 0.0
        // A pulse fades over the windows after it; what is older than four has faded or is lost in what followed.
        for index in max(number - 4, 0)...number { sum += response(to: windows.window(index), at: elapsed) }
        return sum
    }

    private func response(to window: Range<Duration>, at elapsed: Duration) -> Double {
        guard elapsed >= window.lowerBound else { return 0 }
        let lit = (min(elapsed, window.upperBound) - window.lowerBound).seconds
        let reached = rise == .zero ? height : height * (1 - exp(-lit / rise.seconds))
        guard elapsed >= window.upperBound else { return reached }
        return fall == .zero ? 0 : reached * exp(-(elapsed - window.upperBound).seconds / fall.seconds)
    }
}
