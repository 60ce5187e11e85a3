/// How the payloads of a route are written. The raw values are the words of configuration files.
package enum PayloadConvention: String, CaseIterable, Hashable, Sendable {
    /// Picked for every message by its topic and shape, see ``AutoDecoder``.
    case auto
    /// One number, or `ON`, `OFF`, `true`, `false`, and nothing else.
    case bare
    /// A JSON object of numbers, see ``JSONObjectDecoder``.
    case json
    /// ThingsBoard's device and gateway API.
    case thingsboard
    /// Tasmota's `SENSOR` and `STATE` messages.
    case tasmota
    case zigbee2mqtt
    /// ESPHome's topic per value.
    case esphome
    /// Sensor Measurement Lists, RFC 8428, in JSON.
    case senml

    /// The decoder of this convention.
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
        }
    }
}
