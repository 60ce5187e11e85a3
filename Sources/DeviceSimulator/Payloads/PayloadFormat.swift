package import Core
package import Telemetry

/// A payload convention that a device can use. The raw values are the words used in device files, and are the same as
/// in the gateway's routes.
package enum PayloadFormat: String, CaseIterable, Sendable, Hashable {
    /// A bare number.
    case bare
    /// A JSON object of numbers.
    case json
    /// ThingsBoard's device API.
    case thingsboard
    /// Tasmota's `SENSOR` message.
    case tasmota
    /// Zigbee2MQTT's device state.
    case zigbee2mqtt
    /// ESPHome's bare number on one topic per metric.
    case esphome
    /// Sensor Measurement Lists in JSON (RFC 8428).
    case senml

    /// True when the payload can carry a timestamp.
    package var carriesTime: Bool {
        switch self {
        case .bare, .esphome: false
        case .json, .thingsboard, .tasmota, .zigbee2mqtt, .senml: true
        }
    }

    /// True when the device file chooses whether to send units. In the other formats, the convention decides.
    package var hasOptionalUnits: Bool { self == .json }

    /// True when one payload holds all metrics of a sample, so that its topic names none.
    package var holdsWholeSample: Bool {
        switch self {
        case .bare, .esphome: false
        case .json, .thingsboard, .tasmota, .zigbee2mqtt, .senml: true
        }
    }

    /// True when a topic may name the metric.
    package var allowsMetricInTopic: Bool { !holdsWholeSample || self == .json }

    /// Returns the encoder of this convention.
    ///
    /// - Parameters:
    ///   - isPerMetric: True when the topic names the metric.
    ///   - withUnits: True to write units where they are optional.
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

/// An encoder of samples for one payload convention. Its counterpart in the gateway is the `PayloadDecoder` of the same
/// convention.
package protocol PayloadEncoder: Sendable {
    /// Returns the sample's payloads: one for all metrics, or one per metric in the sample's order.
    func encode(_ sample: Sample) -> [EncodedPayload]
}

/// The payload of one message, without its topic.
package struct EncodedPayload: Sendable, Hashable {
    /// The metric named by the topic; `nil` when the payload holds the whole sample.
    package var metric: String?
    package var bytes: [UInt8]
}

/// A device's measurements at one instant, before encoding.
package struct Sample: Sendable, Hashable {
    package var device: String
    /// The measured values; never empty. Names are unique and values finite.
    package var metrics: [Metric]
    /// The payload's timestamp; `nil` when the device sends none.
    package var time: Timestamp?

    package init(device: String, metrics: [Metric], time: Timestamp? = nil) {
        self.device = device
        self.metrics = metrics
        self.time = time
    }
}
