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
    package var limits: DecodingLimits

    package init(
        topic: String,
        device: DeviceID? = nil,
        metric: String? = nil,
        receivedAt: Timestamp,
        convertsFahrenheit: Bool = false,
        limits: DecodingLimits = DecodingLimits()
    ) {
        self.topic = topic
        self.device = device
        self.metric = metric
        self.receivedAt = receivedAt
        self.convertsFahrenheit = convertsFahrenheit
        self.limits = limits
    }

    /// The name of a value that has none but the topic's.
    var metricOrDefault: String { metric ?? "value" }

    /// The device of the topic, else the one of that name.
    func device(orNamed name: String?) throws(DecodeError) -> DeviceID {
        if let device { return device }
        return try Self.device(named: name)
    }

    /// The device of that name; throws ``DecodeError/badDevice(_:)`` when it cannot be one.
    static func device(named name: String?) throws(DecodeError) -> DeviceID {
        guard let name, let device = DeviceID(name) else { throw .badDevice(name) }
        return device
    }
}
