/// One series whose value is asked for when somebody scrapes: queue lengths, process figures.
final class ObservedSeries: Series {
    let family: String?
    let labels: MetricLabels
    private let observe: @Sendable () -> Double?

    init(family: String?, labels: MetricLabels, observe: @escaping @Sendable () -> Double?) {
        self.family = family
        self.labels = labels
        self.observe = observe
    }

    func read() -> MetricValue? { observe().map(MetricValue.number) }
}
