/// How surely a message arrives (MQTT 5, section 4.3).
///
/// QoS 2 is left out on purpose: libmosquitto acknowledges it before the message was taken, so a subscription asks
/// for QoS 1 at most, and the broker delivers QoS 2 publications at QoS 1.
package enum MQTTQoS: UInt8, Sendable, Hashable {
    case atMostOnce = 0
    case atLeastOnce = 1
}
