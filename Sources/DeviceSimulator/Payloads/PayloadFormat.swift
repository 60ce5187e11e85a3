/// The payload conventions that a device can speak. The raw values are the words of device files, and the same as
/// those of a gateway's routes.
package enum PayloadFormat: String, CaseIterable, Sendable, Hashable {
    /// A number and nothing else.
    case bare
    /// A JSON object of numbers.
    case json
    /// ThingsBoard's device API.
    case thingsboard
    /// Tasmota's `SENSOR` message.
    case tasmota
    /// A device state of Zigbee2MQTT.
    case zigbee2mqtt
    /// ESPHome's topic per value.
    case esphome
    /// Sensor Measurement Lists, RFC 8428, in JSON.
    case senml

    /// Whether a payload has a place for the time.
    package var carriesTime: Bool {
        switch self {
        case .bare, .esphome: false
        case .json, .thingsboard, .tasmota, .zigbee2mqtt, .senml: true
        }
    }

    /// Whether units can be written or not, as the device file says; elsewhere the convention decides.
    package var hasOptionalUnits: Bool { self == .json }

    /// Whether a payload holds all metrics of a sample, so that its topic names none.
    package var holdsWholeSample: Bool {
        switch self {
        case .bare, .esphome: false
        case .json, .thingsboard, .tasmota, .zigbee2mqtt, .senml: true
        }
    }

    /// Whether a topic may name the metric.
    package var allowsMetricInTopic: Bool { !holdsWholeSample || self == .json }

    /// The encoder of this convention.
    ///
    /// - Parameters:
    ///   - isPerMetric: whether the topic names the metric.
    ///   - withUnits: whether units are written where that is optional.
    package func encoder(isPerMetric: Bool, withUnits: Bool) -> any PayloadEncoder {
        switch self {
        case .bare, .esphome: BareValueEncoder()
        case .json where isPerMetric: JSONValueEncoder(withUnits: withUnits)
        case .json: JSONObjectEncoder(withUnits: withUnits)
        case .thingsboard: ThingsBoardEncoder()
        case .tasmota: TasmotaEncoder()
        case .zigbee2mqtt: Zigbee2MQTTEncoder()
        case .senml: SenMLEncoder()
        }
    }
}
