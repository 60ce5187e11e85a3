/// How far a clock is from the gateway's, as far as is known.
package struct ClockEstimate: Sendable, Hashable {
    /// What is to be added to the clock's time to get the gateway's.
    package var offset: Duration
    /// How wrong ``offset`` can be, to either side; for an estimate: at least, to one side.
    package var uncertainty: Duration
    /// Whether it was inferred from when messages came, instead of measured by asking.
    package var isEstimated: Bool

    package init(offset: Duration, uncertainty: Duration, isEstimated: Bool = false) {
        self.offset = offset
        self.uncertainty = uncertainty
        self.isEstimated = isEstimated
    }
}
