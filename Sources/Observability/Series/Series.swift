/// What every series of a registry has in common: an identity, and a value that can be read.
protocol Series: AnyObject, Sendable {
    /// The family that the series belongs to, by its name in the Prometheus text; `nil` for a series that the
    /// registry had no room for.
    var family: String? { get }
    var labels: MetricLabels { get }

    /// The value now, or `nil` when there is none to show. May call foreign code: not to be called under a lock.
    func read() -> MetricValue?
}
