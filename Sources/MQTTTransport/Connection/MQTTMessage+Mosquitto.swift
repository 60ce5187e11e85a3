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

    /// Approximate bytes in memory. Topics count too: the longest has 64 KiB.
    var byteCount: Int {
        userProperties.reduce(Self.fixedByteCount + topic.utf8.count + payload.count) {
            $0 + $1.name.utf8.count + $1.value.utf8.count
        }
    }

    private static let fixedByteCount = 128

    /// The user properties that are read, with the most bytes that their values may have.
    private static let readProperties = [(name: "traceparent", limit: 256), (name: "tracestate", limit: 512)]
    /// The number of pairs that are looked at: a packet may hold 100,000 empty ones.
    static let maxUserProperties = 64

    /// The properties that are read, each once. Others are passed over: only their names are looked at.
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
