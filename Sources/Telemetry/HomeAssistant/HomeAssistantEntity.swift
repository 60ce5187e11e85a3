package import Core

/// An entity that a device has announced for Home Assistant: one value of the device, with its topic.
package struct HomeAssistantEntity: Hashable, Sendable {
    /// The meaning of the value.
    package enum Kind: Hashable, Sendable {
        case number
        /// A switch or contact: 1 for the text `on`, 0 for `off`.
        case binary(on: String, off: String)
    }

    /// The identity of the device: its first identifier or connection.
    package var deviceKey: String
    /// The name of the device, which several devices may have.
    package var deviceName: String
    /// The identity within the device.
    package var id: String
    /// The name of the metric, which several entities of the device may have.
    package var name: String
    package var stateTopic: String
    package var template: ValueTemplate
    package var unit: String?
    package var kind: Kind
    package var availability: EntityAvailability

    /// Returns the metric's value in a message; `nil` if the message has none.
    ///
    /// - Parameter json: The same message as JSON, if it is any.
    package func value(in text: String, json: JSONValue?) -> Double? {
        guard let value = template.value(in: text, json: json) else { return nil }
        switch kind {
        case .number:
            if let number = ValueTemplate.number(in: value) { return number }
            if let bool = value.boolValue { return bool ? 1 : 0 }
            return value.stringValue.flatMap(OnOff.value)
        case .binary(let on, let off):
            guard let text = value.templateText else { return nil }
            if ExactString(text) == ExactString(on) { return 1 }
            return ExactString(text) == ExactString(off) ? 0 : nil
        }
    }
}

/// The topics that tell whether an entity is available.
package struct EntityAvailability: Hashable, Sendable {
    /// The way in which several topics are combined. The raw values are those of `availability_mode`.
    package enum Mode: String, Hashable, Sendable {
        case all
        case any
        case latest
    }

    package struct Source: Hashable, Sendable {
        package var topic: String
        package var template = ValueTemplate.wholeMessage
        package var available = "online"
        package var notAvailable = "offline"

        /// Returns the availability that a message reports; `nil` if it reports none.
        ///
        /// - Parameter json: The same message as JSON, if it is any.
        package func isAvailable(in text: String, json: JSONValue?) -> Bool? {
            guard let word = template.value(in: text, json: json)?.templateText else { return nil }
            if ExactString(word) == ExactString(available) { return true }
            return ExactString(word) == ExactString(notAvailable) ? false : nil
        }
    }

    package var sources: [Source] = []
    package var mode = Mode.latest
}

extension JSONValue {
    /// The text that a template renders for a single value. Booleans and numbers look as in Python.
    var templateText: String? {
        switch self {
        case .string(let text): text
        case .bool(let bool): bool ? "True" : "False"
        case .number: integerValue.map { String($0) } ?? numberValue.map { String($0) }
        case .null, .array, .object: nil
        }
    }
}
