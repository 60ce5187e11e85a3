internal import CMosquitto
import Foundation

extension MQTTMessage {
    /// Copies a message. libmosquitto frees the original after its callback.
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

    /// The approximate size in memory, in bytes. Includes the topic, which can have up to 64 KiB.
    var byteCount: Int {
        userProperties.reduce(Self.fixedByteCount + topic.utf8.count + payload.count) {
            $0 + $1.name.utf8.count + $1.value.utf8.count
        }
    }

    private static let fixedByteCount = 128

    /// The names of the user properties to read, with the maximum length of their values in bytes.
    private static let readProperties = [(name: "traceparent", limit: 256), (name: "tracestate", limit: 512)]
    /// The maximum number of user properties to examine. A packet may contain 100,000 empty ones.
    static let maxUserProperties = 64

    /// Returns the first occurrence of each property in ``readProperties``. Of all other properties, only the name is
    /// examined.
    private static func userProperties(in list: OpaquePointer) -> [MQTTUserProperty] {
        var found: [MQTTUserProperty] = []
        let identifier = Int32(MQTT_PROP_USER_PROPERTY.rawValue)
        var pair: OpaquePointer? = list
        var isFirst = true
        for _ in 0..<maxUserProperties where found.count < readProperties.count {
            var name: UnsafeMutablePointer<CChar>?
            pair = mosquitto_property_read_string_pair(pair, identifier, &name, nil, !isFirst)
            guard let pair else { break }
            isFirst = false
            defer { free(name) }
            guard let name, let read = readProperties.first(where: { strcmp($0.name, name) == 0 }),
                !found.contains(where: { $0.name == read.name })
            else { continue }
            var value: UnsafeMutablePointer<CChar>?
            _ = mosquitto_property_read_string_pair(pair, identifier, nil, &value, false)
            defer { free(value) }
            guard let value, strlen(value) <= read.limit else { continue }
            found.append(MQTTUserProperty(name: read.name, value: String(cString: value)))
        }
        return found
    }
}
