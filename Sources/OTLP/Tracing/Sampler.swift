package import Telemetry

/// Decides which traces are recorded.
///
/// Source: OpenTelemetry specification, "Tracing SDK", Built-in samplers.
package struct Sampler: Sendable, Equatable {
    /// What holds for a span without a parent.
    package enum Root: Sendable, Equatable {
        case alwaysOn
        case alwaysOff
        /// That share of all traces, 0 to 1; the same traces in every process that asks for the same share.
        case ratio(Double)
    }

    package var root: Root
    /// Whether a span with a parent is sampled when its parent is, instead of being asked anew.
    package var isParentBased: Bool

    package init(root: Root, isParentBased: Bool = true) {
        self.root = root
        self.isParentBased = isParentBased
    }

    /// The specification's default: what comes with a decision keeps it, and every new trace is recorded.
    package static let parentBasedAlwaysOn = Sampler(root: .alwaysOn)

    package func samples(traceID: (high: UInt64, low: UInt64), parent: TraceContext?) -> Bool {
        if isParentBased, let parent { return parent.isSampled }
        switch root {
        case .alwaysOn: return true
        case .alwaysOff: return false
        case .ratio(let ratio):
            if ratio >= 1 { return true }
            // The lower 63 bits as a number, against that share of their range.
            return Double(traceID.low & (.max >> 1)) < ratio * 0x1p63
        }
    }
}
