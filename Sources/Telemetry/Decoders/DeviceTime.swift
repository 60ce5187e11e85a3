package import Core

/// Parsing of timestamps in device payloads.
enum DeviceTime {
    /// Parses a JSON value as Unix time (a number or a numeric string) or as ISO 8601; returns `nil` for `null`.
    ///
    /// - Throws: ``DecodeError/badTime(_:)`` for anything else, because a value at an unknown time is not a reading.
    static func timestamp(from value: JSONValue) throws(DecodeError) -> Timestamp? {
        switch value {
        case .null: return nil
        case .number(let number):
            guard let timestamp = timestamp(fromUnixTime: number) else { throw .badTime(number.description) }
            return timestamp
        case .string(let text):
            if let timestamp = Timestamp(iso8601: text) { return timestamp }
            guard let number = Double(text), let timestamp = timestamp(fromUnixTime: number) else {
                throw .badTime(text)
            }
            return timestamp
        case .bool, .array, .object: throw .badTime(value.kind)
        }
    }

    /// Converts a Unix time in seconds, milliseconds, microseconds or nanoseconds. The unit is inferred from the
    /// magnitude.
    ///
    /// The boundaries are 1e11, 1e14 and 1e17. A number just above a boundary is a time in March 1973, a number just
    /// below it a time in the year 5138.
    static func timestamp(fromUnixTime number: Double) -> Timestamp? {
        switch number.magnitude {
        case ..<1e11: return Timestamp(secondsSinceEpoch: number)
        case ..<1e14: return Timestamp(millisecondsSinceEpoch: number)
        case ..<1e17: return Timestamp(microsecondsSinceEpoch: number)
        default:
            guard let nanoseconds = Int64(exactly: number.rounded()) else { return nil }
            return Timestamp(nanosecondsSinceEpoch: nanoseconds)
        }
    }
}

/// A policy that decides whether to trust a device's time.
///
/// A reading from a clock that is far ahead would remain the latest one until that time is reached. A clock that is far
/// behind was probably never set. A lag of a few days is normal for devices that buffer readings while offline.
package struct TimePolicy: Hashable, Sendable {
    /// The times of a reading that result from the policy.
    package struct Decision: Hashable, Sendable {
        /// The time that applies to the values.
        package var time: Timestamp
        /// True when ``time`` is the device's.
        package var hasDeviceTime: Bool
        /// The device's time, if it was rejected.
        package var implausibleDeviceTime: Timestamp?
    }

    /// The maximum lead of a device's time over the receive time.
    package var maxAhead: Duration
    /// The maximum lag of a device's time behind the receive time.
    package var maxBehind: Duration

    package init(maxAhead: Duration = .seconds(5 * 60), maxBehind: Duration = .seconds(7 * 86400)) {
        self.maxAhead = maxAhead
        self.maxBehind = maxBehind
    }

    /// Returns the times of a reading, which depend on whether its device time is within the limits. A time exactly at
    /// a limit is still accepted.
    package func decide(deviceTime: Timestamp?, receivedAt: Timestamp) -> Decision {
        guard let deviceTime else { return Decision(time: receivedAt, hasDeviceTime: false) }
        let ahead = deviceTime.since(receivedAt)
        guard ahead <= maxAhead, ahead >= .zero - maxBehind else {
            return Decision(time: receivedAt, hasDeviceTime: false, implausibleDeviceTime: deviceTime)
        }
        return Decision(time: deviceTime, hasDeviceTime: true)
    }
}
