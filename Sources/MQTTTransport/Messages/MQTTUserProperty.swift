/// One of a message's user properties (MQTT 5, section 3.3.2.3.7): such as `traceparent`.
package struct MQTTUserProperty: Sendable, Hashable {
    package var name: String
    package var value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
