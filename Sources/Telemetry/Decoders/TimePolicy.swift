/// Decides whether a device's clock is believed.
///
/// A clock that runs ahead would put readings into the future, where they hide all later ones; one that is far behind
/// was never set. Being behind by days is normal for devices that buffer while they are offline.
package struct TimePolicy: Hashable, Sendable {
    /// What a reading's times are.
    package struct Decision: Hashable, Sendable {
        /// When the values count as true.
        package var time: Timestamp
        /// Whether ``time`` is the device's.
        package var hasDeviceTime: Bool
        /// The time that the device claimed and that was not believed.
        package var implausibleDeviceTime: Timestamp?
    }

    /// How far ahead of the receive time a device may be.
    package var maxAhead: Duration
    /// How far behind the receive time a device may be.
    package var maxBehind: Duration

    package init(maxAhead: Duration = .seconds(5 * 60), maxBehind: Duration = .seconds(7 * 86400)) {
        self.maxAhead = maxAhead
        self.maxBehind = maxBehind
    }

    /// The times of a reading that came at `receivedAt` and claims `deviceTime`; both limits are still believed.
    package func decide(deviceTime: Timestamp?, receivedAt: Timestamp) -> Decision {
        guard let deviceTime else { return Decision(time: receivedAt, hasDeviceTime: false) }
        let ahead = deviceTime.since(receivedAt)
        guard ahead <= maxAhead, ahead >= .zero - maxBehind else {
            return Decision(time: receivedAt, hasDeviceTime: false, implausibleDeviceTime: deviceTime)
        }
        return Decision(time: deviceTime, hasDeviceTime: true)
    }
}
