/// One metric of a device file: its name, unit and source.
package struct MetricProfile: Sendable {
    package enum Source: Sendable {
        case waveform(Waveform)
        /// A column of the replayed CSV.
        case column(String)
    }

    package var name: String
    package var unit: String?
    /// How many decimals values are rounded to; not at all when `nil`.
    package var decimals: Int?
    package var source: Source

    /// The value as the device sends it.
    func rounded(_ value: Double) -> Double {
        guard let decimals else { return value }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        // Beyond 2^53 there are no decimals to round, and the product might overflow.
        return value.magnitude * scale < 0x1p53 ? (value * scale).rounded() / scale : value
    }
}
