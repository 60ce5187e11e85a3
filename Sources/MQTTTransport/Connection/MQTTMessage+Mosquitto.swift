internal import CMosquitto
import Foundation

extension MQTTMessage {
    /// A copy of what the library owns only for the time of its callback.
    init(copying message: mosquitto_message, _ properties: OpaquePointer?, isDuplicate: Bool?) {
        self.init(
            topic: String(cString: message.topic),
            payload: [UInt8](UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen))),
            qos: message.qos > 0 ? .atLeastOnce : .atMostOnce,
            isRetained: message.retain,
            packetID: UInt16(truncatingIfNeeded: message.mid),
            isDuplicate: isDuplicate,
            userProperties: properties.map(Self.userProperties) ?? [])
    }

    private static func userProperties(in list: OpaquePointer) -> [MQTTUserProperty] {
        var found: [MQTTUserProperty] = []
        var name: UnsafeMutablePointer<CChar>?
        var value: UnsafeMutablePointer<CChar>?
        let identifier = Int32(MQTT_PROP_USER_PROPERTY.rawValue)
        var next = mosquitto_property_read_string_pair(list, identifier, &name, &value, false)
        while next != nil {
            if let name, let value {
                found.append(MQTTUserProperty(name: String(cString: name), value: String(cString: value)))
            }
            free(name)
            free(value)
            name = nil
            value = nil
            next = mosquitto_property_read_string_pair(next, identifier, &name, &value, true)
        }
        return found
    }
}
