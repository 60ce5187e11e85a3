package import Core

/// A decoder of one payload convention. It is a pure function: the same payload and context give the same readings.
package protocol PayloadDecoder: Sendable {
    var convention: PayloadConvention { get }

    /// Decodes a payload into at least one reading, in payload order.
    ///
    /// - Throws: ``DecodeError`` if any part of the payload is invalid, so that no part of a message is lost unnoticed.
    func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading]
}

/// A decoder of JSON payloads. It also accepts parsed JSON, so that ``AutoDecoder`` can parse a payload once, detect
/// the convention by its shape, and pass the value on.
protocol JSONPayloadDecoder: PayloadDecoder {
    /// Decodes a parsed payload into at least one reading.
    func decode(_ value: JSONValue, context: DecodingContext) throws(DecodeError) -> [DecodedReading]
}

extension JSONPayloadDecoder {
    package func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        try decode(try Self.parse(payload, context: context), context: context)
    }

    /// Parses a payload as JSON, within the context's limits.
    static func parse(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> JSONValue {
        try context.limits.check(byteCount: payload.count)
        do throws(JSONError) {
            return try JSONParser.parse(
                payload, maxDepth: context.limits.maxDepth, maxMembers: context.limits.maxMembersPerObject)
        } catch {
            throw DecodeError(error)
        }
    }
}

/// The payload format of a route. The raw values are the ones used in configuration files.
package enum PayloadConvention: String, CaseIterable, Hashable, Sendable {
    /// Chosen for each message by its topic and shape; see ``AutoDecoder``.
    case auto
    /// A single number, `ON`, `OFF`, `true` or `false`.
    case bare
    /// A JSON object of numbers; see ``JSONObjectDecoder``.
    case json
    /// ThingsBoard's device and gateway API.
    case thingsboard
    /// Tasmota's `SENSOR` and `STATE` messages, and the same in answer to `Status`.
    case tasmota
    case zigbee2mqtt
    /// ESPHome's messages, with one topic per value.
    case esphome
    /// Sensor Measurement Lists, RFC 8428, in JSON.
    case senml
    /// Shelly's topics of the first generation, and statuses and notifications of later ones.
    case shelly
    /// Uplinks of The Things Stack v3.
    case ttn
    /// Uplink events of ChirpStack v4.
    case chirpstack
    /// Locations of OwnTracks.
    case owntracks
    /// Influx line protocol.
    case influx

    /// The decoder for this convention.
    package var decoder: any PayloadDecoder {
        switch self {
        case .auto: AutoDecoder()
        case .bare: BareValueDecoder()
        case .json: JSONObjectDecoder()
        case .thingsboard: ThingsBoardDecoder()
        case .tasmota: TasmotaDecoder()
        case .zigbee2mqtt: Zigbee2MQTTDecoder()
        case .esphome: ESPHomeDecoder()
        case .senml: SenMLDecoder()
        case .shelly: ShellyDecoder()
        case .ttn: TheThingsStackDecoder()
        case .chirpstack: ChirpStackDecoder()
        case .owntracks: OwnTracksDecoder()
        case .influx: InfluxDecoder()
        }
    }
}

/// The values of one device at one instant as given by the payload, before the gateway adds the room and the receive
/// time.
package struct DecodedReading: Hashable, Sendable {
    package var device: DeviceID
    /// The metrics in payload order. Never empty; names are unique and values finite.
    package var metrics: [Metric]
    /// The device's time, plausible or not.
    package var deviceTime: Timestamp?
    /// The trace context inside the payload.
    package var trace: TraceContext?
    /// The texts and arrays of the payload that became no metric; at most ``IgnoredField/maximumCount``.
    package var ignored: [IgnoredField]

    package init(
        device: DeviceID, metrics: [Metric], deviceTime: Timestamp? = nil, trace: TraceContext? = nil,
        ignored: [IgnoredField] = []
    ) {
        self.device = device
        self.metrics = metrics
        self.deviceTime = deviceTime
        self.trace = trace
        self.ignored = ignored
    }
}
