/// What one MQTT message is to the gateway.
package enum DecodedMessage: Hashable, Sendable {
    /// The readings of a telemetry topic in the payload's order; at least one.
    case readings([Reading])
    /// What a status topic says.
    case status(StatusReport)
    /// A status topic without a payload: somebody cleared what was retained, which says nothing of the device.
    case clearedStatus
}
