/// A look at a running simulation, for a line that is printed now and then.
package struct SimulationStatistics: Sendable, Hashable {
    /// Since the start.
    package var elapsed: Duration
    package var deviceCount: Int
    /// Devices that have a connection now.
    package var connectedCount: Int
    /// Devices that have sent all that they ever will.
    package var finishedCount: Int
    package var total: DeviceCounters
    /// Why the last attempt of a device to connect failed, while any has none; in words.
    package var connectionProblem: String?

    /// Messages per second since an earlier look; 0 when no time passed.
    package func messagesPerSecond(since earlier: SimulationStatistics) -> Double {
        let seconds = (elapsed - earlier.elapsed).seconds
        return seconds > 0 ? Double(total.messages - earlier.total.messages) / seconds : 0
    }
}
