package import Telemetry

/// Whether a device is there, since when, and how that is known.
package struct DevicePresence: Hashable, Sendable {
    /// The raw values are the wire's words.
    package enum Status: String, Hashable, Sendable {
        case online
        case offline
    }

    /// What made the status what it is; the raw values are the wire's words.
    package enum Reason: String, Hashable, Sendable {
        /// The device's status topic: its birth or farewell, or the last will that the broker published for it.
        case will
        /// Nothing was heard of the device for longer than it usually is quiet.
        case silence
        /// The device sent a reading.
        case reading
    }

    package var status: Status
    package var reason: Reason
    /// When the gateway learned of it: the receipt of the message, or the end of the time for which silence is normal.
    package var since: Timestamp

    /// Whether the device's readings say it already: then whoever gets them needs no status beside them.
    package var isImplied: Bool { status == .online && reason == .reading }

    package init(status: Status, reason: Reason, since: Timestamp) {
        self.status = status
        self.reason = reason
        self.since = since
    }
}
