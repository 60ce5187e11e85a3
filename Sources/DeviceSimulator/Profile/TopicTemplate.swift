import Telemetry

/// A topic with `{device}` and `{metric}` in it.
package struct TopicTemplate: Sendable, Hashable, CustomStringConvertible {
    private enum Part: Sendable, Hashable {
        case text(String)
        case device
        case metric
    }

    private let parts: [Part]
    /// The template as it was given.
    package let description: String

    /// Why a text is no such template, in words for a device file.
    struct Failure: Error {
        var message: String
    }

    /// Throws when something else stands in braces, or MQTT has no such topic.
    init(_ text: String) throws(Failure) {
        description = text
        var parts: [Part] = []
        var rest = Substring(text)
        while let open = rest.firstIndex(of: "{") {
            if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
            guard let close = rest[open...].firstIndex(of: "}") else {
                throw Failure(message: "'\(text)' has a '{' without '}'; allowed: {device} and {metric}")
            }
            switch rest[open...close] {
            case "{device}": parts.append(.device)
            case "{metric}": parts.append(.metric)
            case let other: throw Failure(message: "'\(text)' has \(other); allowed: {device} and {metric}")
            }
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
        do throws(TopicNameError) {
            _ = try TopicName(topic(device: "device", metric: "metric"))
        } catch {
            throw Failure(message: "\(error)")
        }
        if text.hasPrefix("$") { throw Failure(message: "'\(text)' begins with '$', which is the broker's") }
    }

    /// Whether the topic names the device, so that a fleet's devices have topics of their own.
    var namesDevice: Bool { parts.contains(.device) }
    /// Whether the topic names the metric, so that each has a message of its own.
    var namesMetric: Bool { parts.contains(.metric) }

    /// Whether the topic is `sensors/{device}`, or below it.
    var isBelowSensors: Bool {
        topic(device: "device").split(separator: "/", omittingEmptySubsequences: false).prefix(2)
            == ["sensors", "device"] && namesDevice
    }

    /// The topic of a device and, when the template names one, of a metric.
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
