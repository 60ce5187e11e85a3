package import Core

/// Information about a message that a decoder needs besides its payload.
package struct DecodingContext: Sendable {
    package var topic: String
    /// The device named by the topic, if the route captures one.
    package var device: DeviceID?
    /// The metric named by the topic, if the route captures one.
    package var metric: String?
    /// The levels that the `#` of the route stands for, if it ends with one.
    package var rest: String?
    /// When the gateway received the message. Relative times in the payload count from it.
    package var receivedAt: Timestamp
    /// True when °F are converted to °C.
    package var convertsFahrenheit: Bool
    /// True when the payload may name devices other than ``device``.
    package var allowsForeignDevices: Bool
    /// The changes that the route makes to metrics; `nil` if it makes none.
    package var rules: MetricRules?
    /// The units of metrics, by name, where neither the payload nor ``rules`` give one.
    package var units: [ExactString: String]
    package var limits: DecodingLimits

    package init(
        topic: String,
        device: DeviceID? = nil,
        metric: String? = nil,
        rest: String? = nil,
        receivedAt: Timestamp,
        convertsFahrenheit: Bool = false,
        allowsForeignDevices: Bool = false,
        rules: MetricRules? = nil,
        units: [ExactString: String] = [:],
        limits: DecodingLimits = DecodingLimits()
    ) {
        self.topic = topic
        self.device = device
        self.metric = metric
        self.rest = rest
        self.receivedAt = receivedAt
        self.convertsFahrenheit = convertsFahrenheit
        self.allowsForeignDevices = allowsForeignDevices
        self.rules = rules
        self.units = units
        self.limits = limits
    }

    /// The metric name for a value that has no name in the payload: the topic's metric, or `value`.
    var metricOrDefault: String { metric ?? "value" }

    /// Returns the topic's device or, if it has none, the device called `name`.
    ///
    /// - Throws: ``DecodeError/badDevice(_:)`` if the topic names no device and `name` is missing or invalid.
    func device(orNamed name: String?) throws(DecodeError) -> DeviceID {
        if let device { return device }
        return try Self.device(named: name)
    }

    /// Returns the device that the payload names.
    ///
    /// - Throws: ``DecodeError/foreignDevice(_:topicDevice:)`` if the topic names another device and the route does not
    ///   allow foreign devices; ``DecodeError/badDevice(_:)`` if the name is invalid.
    func payloadDevice(named name: String) throws(DecodeError) -> DeviceID {
        let named = try Self.device(named: name)
        guard let device, !allowsForeignDevices else { return named }
        guard ExactString(device.rawValue) == ExactString(named.rawValue) else {
            throw .foreignDevice(name, topicDevice: device.rawValue)
        }
        return device
    }

    /// Returns the device called `name`.
    ///
    /// - Throws: ``DecodeError/badDevice(_:)`` if the name is missing or invalid.
    static func device(named name: String?) throws(DecodeError) -> DeviceID {
        guard let name, let device = DeviceID(name) else { throw .badDevice(name) }
        return device
    }
}

/// Limits on the content of one payload. Exceeding one is a ``DecodeError``; nothing is truncated silently.
package struct DecodingLimits: Hashable, Sendable {
    /// The maximum size of a payload in bytes.
    package var maxPayloadBytes: Int
    /// The maximum nesting depth of JSON; values above ``JSONParser/maxSupportedDepth`` are reduced to it.
    package var maxDepth: Int
    /// The maximum number of members of one JSON object, whether they are metrics or not.
    package var maxMembersPerObject: Int
    package var maxMetricsPerReading: Int
    package var maxReadingsPerPayload: Int
    /// The maximum number of metrics in all readings of a payload. Each metric is a database row, so a payload with
    /// many short names would block ingest for long.
    package var maxMetricsPerPayload: Int

    package init(
        maxPayloadBytes: Int = 256 * 1024,
        maxDepth: Int = JSONParser.defaultMaxDepth,
        maxMembersPerObject: Int = JSONParser.defaultMaxMembers,
        maxMetricsPerReading: Int = 256,
        maxReadingsPerPayload: Int = 4096,
        maxMetricsPerPayload: Int = 16_384
    ) {
        self.maxPayloadBytes = maxPayloadBytes
        self.maxDepth = maxDepth
        self.maxMembersPerObject = maxMembersPerObject
        self.maxMetricsPerReading = maxMetricsPerReading
        self.maxReadingsPerPayload = maxReadingsPerPayload
        self.maxMetricsPerPayload = maxMetricsPerPayload
    }

    /// Throws if the payload is empty or too large.
    func check(byteCount: Int) throws(DecodeError) {
        guard byteCount > 0 else { throw .empty }
        guard byteCount <= maxPayloadBytes else { throw .tooLarge(byteCount: byteCount, limit: maxPayloadBytes) }
    }

    /// Throws if the payload has too many readings.
    func check(readingCount: Int) throws(DecodeError) {
        guard readingCount <= maxReadingsPerPayload else { throw .tooManyReadings(limit: maxReadingsPerPayload) }
    }
}
