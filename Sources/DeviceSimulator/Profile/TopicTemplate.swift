import Core
import Telemetry

/// A topic with the placeholders `{device}` and `{metric}`.
package struct TopicTemplate: Sendable, Hashable, CustomStringConvertible {
    private enum Part: Sendable, Hashable {
        case text(String)
        case device
        case metric
    }

    private let parts: [Part]
    /// The template's original text.
    package let description: String

    /// Parses a template.
    ///
    /// - Throws: `InvalidText` for unknown or unclosed placeholders, invalid MQTT topics, and topics that begin with `$`.
    init(_ text: String) throws(InvalidText) {
        description = text
        var parts: [Part] = []
        var rest = Substring(text)
        while let open = rest.firstIndex(of: "{") {
            if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
            guard let close = rest[open...].firstIndex(of: "}") else {
                throw InvalidText("\"\(text)\" has a { without }; allowed: {device} and {metric}")
            }
            switch rest[open...close] {
            case "{device}": parts.append(.device)
            case "{metric}": parts.append(.metric)
            case let other:
                throw InvalidText("unknown placeholder \(other) in \"\(text)\"; allowed: {device} and {metric}")
            }
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
        do throws(TopicError) {
            _ = try TopicName(topic(device: "device", metric: "metric"))
        } catch {
            throw InvalidText("\(error)")
        }
        if text.hasPrefix("$") { throw InvalidText("\"\(text)\" begins with $, which is reserved for the broker") }
    }

    /// True when the topic names the device, so that each device of a fleet has its own topic.
    var namesDevice: Bool { parts.contains(.device) }
    /// True when the topic names the metric, so that each metric has its own message.
    var namesMetric: Bool { parts.contains(.metric) }

    /// True when the topic is `sensors/{device}` or below it.
    var isBelowSensors: Bool {
        topic(device: "device").split(separator: "/", omittingEmptySubsequences: false).prefix(2)
            == ["sensors", "device"] && namesDevice
    }

    /// Returns the topic of a device and, if the template names one, of a metric.
    func topic(device: String, metric: String? = nil) -> String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .device: device
            case .metric: metric ?? ""
            }
        }.joined()
    }
}
