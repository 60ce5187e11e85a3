import Core

/// A decoder of ESPHome's messages: `{node}/sensor/{metric}/state` with a bare value.
///
/// Sensors publish numbers; `nan`, which they publish while they have no value, is an error. Binary sensors and
/// switches publish `ON` or `OFF`, lights a JSON object. If the route captures no device or metric, they are taken from
/// the default topic, whose last four levels are node, component, object and `state`. `{node}/status` and commands
/// carry no readings.
package struct ESPHomeDecoder: PayloadDecoder {
    package var convention: PayloadConvention { .esphome }

    package init() {}

    package func decode(_ payload: [UInt8], context: DecodingContext) throws(DecodeError) -> [DecodedReading] {
        let levels = context.topic.split(separator: "/", omittingEmptySubsequences: false)
        var context = context
        switch levels.last.map(ExactString.init) {
        case "state":
            if levels.count >= 4 {
                if context.metric == nil { context.metric = try metric(levels[levels.count - 2]) }
                if context.device == nil {
                    context.device = try DecodingContext.device(named: String(levels[levels.count - 4]))
                }
            }
        case "status", "command", "debug": throw .notAReading(topic: context.topic)
        default: break
        }
        if payload.first == UInt8(ascii: "{") {
            return [try lightReading(of: payload, context: context)]
        }
        return try BareValueDecoder().decode(payload, context: context)
    }

    /// Returns the metric that a topic level names. Its length is checked here, because it may be copied into the names
    /// of all of a light's metrics.
    private func metric(_ level: Substring) throws(DecodeError) -> String {
        guard level.utf8.count <= Metric.maximumNameByteCount else { throw .badMetric(String(level)) }
        return String(level)
    }

    /// Decodes the state of a light: `{"state":"ON","brightness":255,"color":{"r":…}}`. The metric names begin with the
    /// light's name.
    private func lightReading(of payload: [UInt8], context: DecodingContext) throws(DecodeError) -> DecodedReading {
        let value = try JSONObjectDecoder.parse(payload, context: context)
        let members = value.objectValue ?? []
        var collector = MetricCollector(context: context, expecting: members.count)
        for member in members {
            let name = context.metric.map { "\($0).\(member.name)" } ?? member.name
            if let text = member.value.stringValue {
                try collector.add(name, text: text, acceptsOnOff: true)
            } else {
                try collector.add(name, json: member.value)
            }
        }
        if collector.isEmpty { throw .noMetrics(hasDropped: collector.hasDropped) }
        return DecodedReading(
            device: try context.device(orNamed: nil), metrics: collector.metrics, ignored: collector.ignored)
    }

    /// Returns true if the topic is the state topic of an ESPHome component.
    static func isState(_ levels: [Substring]) -> Bool {
        guard levels.count >= 4, ExactString(levels[levels.count - 1]) == "state" else { return false }
        return ["sensor", "binary_sensor", "switch", "light", "number", "fan"]
            .contains(ExactString(levels[levels.count - 3]))
    }
}
