/// What one device, or all of them together, did so far.
package struct DeviceCounters: Sendable, Hashable {
    /// Samples of which at least one message was sent.
    package var readings = 0
    /// Messages handed to the MQTT client; status messages do not count.
    package var messages = 0
    /// Bytes of the payloads of these.
    package var payloadBytes = 0
    /// Messages that the broker acknowledged (QoS 1), or that the socket took (QoS 0).
    package var acknowledged = 0
    /// Messages that were given up: at QoS 0 whenever there is no connection.
    package var lost = 0
    /// Messages that were not sent because of the drop rate.
    package var dropped = 0
    /// Messages that were not sent because the device was offline.
    package var skipped = 0

    package init() {}

    /// Messages that are neither acknowledged nor given up.
    package var unacknowledged: Int { messages - acknowledged - lost }

    package static func += (sum: inout DeviceCounters, other: DeviceCounters) {
        sum.readings += other.readings
        sum.messages += other.messages
        sum.payloadBytes += other.payloadBytes
        sum.acknowledged += other.acknowledged
        sum.lost += other.lost
        sum.dropped += other.dropped
        sum.skipped += other.skipped
    }
}
