import CoreMetrics

/// Counts what was exported and what was not, and why, for one signal.
struct ExportMetrics: Sendable {
    /// Why items never reached a collector. Few and fixed: they are the values of a label.
    enum DropReason: String, Sendable, CaseIterable {
        /// The queue had no room.
        case queueFull = "queue_full"
        /// The collector does not take the request.
        case refused
        /// The collector took the request without these.
        case rejected
        /// The collector was away for too long.
        case expired
        /// The process ended.
        case shutdown
        /// They could not be written down.
        case invalid
    }

    let exported: Counter
    /// Attempts that failed and will be made again.
    let retries: Counter
    private let dropped: [DropReason: Counter]

    init(_ signal: OTLPSignal, factory: any MetricsFactory) {
        let signal = ("signal", signal.rawValue)
        exported = Counter(label: "otlp.exported", dimensions: [signal], factory: factory)
        retries = Counter(label: "otlp.retries", dimensions: [signal], factory: factory)
        dropped = Dictionary(
            uniqueKeysWithValues: DropReason.allCases.map { reason in
                let dimensions = [signal, ("reason", reason.rawValue)]
                return (reason, Counter(label: "otlp.dropped", dimensions: dimensions, factory: factory))
            })
    }

    func drop(_ count: Int, _ reason: DropReason) {
        guard count > 0 else { return }
        dropped[reason]?.increment(by: count)
    }
}
