/// What a decoder knows of a message besides its payload.
package struct DecodingContext: Sendable {
    package var topic: String
    /// The device that the topic names, when the route captures one.
    package var device: DeviceID?
    /// The metric that the topic names, when the route captures one.
    package var metric: String?
    /// What relative times count from.
    package var receivedAt: Timestamp
    /// Whether °F become °C.
    package var convertsFahrenheit: Bool
    /// Whether the payload may name other devices than ``device``.
    package var allowsForeignDevices: Bool
    package var limits: DecodingLimits

    package init(
        topic: String,
        device: DeviceID? = nil,
        metric: String? = nil,
        receivedAt: Timestamp,
        convertsFahrenheit: Bool = false,
        allowsForeignDevices: Bool = false,
        limits: DecodingLimits = DecodingLimits()
    ) {
        self.topic = topic
        self.device = device
        self.metric = metric
        self.receivedAt = receivedAt
        self.convertsFahrenheit = convertsFahrenheit
        self.allowsForeignDevices = allowsForeignDevices
        self.limits = limits
    }

    /// The name of a value that has none but the topic's.
    var metricOrDefault: String { metric ?? "value" }

    /// The device of the topic, else the one of that name.
    func device(orNamed name: String?) throws(DecodeError) -> DeviceID {
        if let device { return device }
        return try Self.device(named: name)
    }

    /// The device that a payload names as the one whose readings it carries; throws ``DecodeError/foreignDevice`` when the
    /// topic names another one and the route does not let its payloads do that.
    func payloadDevice(named name: String) throws(DecodeError) -> DeviceID {
        let named = try Self.device(named: name)
        guard let device, !allowsForeignDevices else { return named }
        guard ExactString(device.rawValue) == ExactString(named.rawValue) else {
            throw .foreignDevice(name, topicDevice: device.rawValue)
        }
        return device
    }

    /// The device of that name; throws ``DecodeError/badDevice(_:)`` when it cannot be one.
    static func device(named name: String?) throws(DecodeError) -> DeviceID {
        guard let name, let device = DeviceID(name) else { throw .badDevice(name) }
        return device
    }
}
