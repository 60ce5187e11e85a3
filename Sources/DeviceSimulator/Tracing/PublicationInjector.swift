import MQTTTransport
import Tracing

/// Puts a trace context into an MQTT message: into user properties where the protocol has them, else into a JSON
/// payload, which has a place for `traceparent`.
struct PublicationInjector: Injector {
    /// 5 has user properties, 4 (MQTT 3.1.1) has not.
    let protocolLevel: Int
    /// Whether payloads are JSON objects.
    let hasJSONPayload: Bool

    func inject(_ value: String, forKey key: String, into publication: inout MQTTPublication) {
        if protocolLevel >= 5 {
            publication.userProperties.append(MQTTUserProperty(name: key, value: value))
        } else if hasJSONPayload, publication.payload.count > 2, publication.payload.last == UInt8(ascii: "}") {
            // Both are of characters that JSON takes as they are.
            publication.payload.removeLast()
            publication.payload += Array(",\"\(key)\":\"\(value)\"}".utf8)
        }
    }
}
