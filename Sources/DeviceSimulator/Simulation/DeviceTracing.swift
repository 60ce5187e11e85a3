import Core
import MQTTTransport
import Tracing

/// A factory for the producer spans of one device's publications. Each is the root span of a reading's trace.
///
/// Source: OpenTelemetry semantic conventions, "Messaging spans".
struct DeviceTracing: Sendable {
    let tracer: any Tracer
    let clock: ClockSyncClient
    let device: String
    let clientID: String
    /// The topic with `{device}` in place of the device's name, to keep the number of distinct span names small.
    let template: String
    /// True when payloads are JSON objects, which can carry the trace context.
    let hasJSONPayload: Bool

    /// The span of one publication. It is open until the broker has the message.
    struct Publishing: Sendable {
        fileprivate let span: any Span
        fileprivate let clock: ClockSyncClient
        fileprivate let offset: Duration

        /// Ends the span. Called when the message was acknowledged, accepted by the socket, or dropped.
        func finish(_ succeeded: Bool) {
            if !succeeded { span.setStatus(SpanStatus(code: .error, message: "the message was not delivered")) }
            span.end(at: clock.now().advanced(by: offset))
        }
    }

    /// Starts the span of a publication and injects its trace context. Returns `nil` when the span is not sampled.
    ///
    /// - Parameter protocolLevel: 5, or 4 for MQTT 3.1.1. Level 5 carries the context in user properties, level 4 only
    ///   in a JSON payload.
    func begin(_ publication: inout MQTTPublication, protocolLevel: Int) -> Publishing? {
        let estimate = clock.estimate
        let offset = estimate?.offset ?? .zero
        let span = tracer.startSpan(
            "publish \(template)", under: nil, ofKind: .producer, at: clock.now().advanced(by: offset))
        let size = publication.payload.count
        tracer.inject(
            span.context, into: &publication,
            using: PublicationInjector(
                protocolLevel: protocolLevel, hasJSONPayload: hasJSONPayload))
        guard span.isRecording else { return nil }
        span.updateAttributes { attributes in
            attributes["messaging.system"] = "mqtt"
            attributes["messaging.operation.name"] = "publish"
            attributes["messaging.operation.type"] = "send"
            attributes["messaging.destination.name"] = publication.topic
            attributes["messaging.destination.template"] = template
            attributes["messaging.client.id"] = clientID
            attributes["messaging.message.body.size"] = size
            attributes["windsock.device"] = device
            if let estimate {
                attributes["clock.offset_ms"] = estimate.offset / .milliseconds(1)
                attributes["clock.uncertainty_ms"] = estimate.uncertainty / .milliseconds(1)
            } else {
                attributes["clock.synchronized"] = false
            }
        }
        return Publishing(span: span, clock: clock, offset: offset)
    }
}

/// An injector of trace contexts into MQTT messages: as user properties if the protocol has them, otherwise as members
/// of a JSON payload.
struct PublicationInjector: Injector {
    /// 5, or 4 for MQTT 3.1.1, which has no user properties.
    let protocolLevel: Int
    /// True when payloads are JSON objects.
    let hasJSONPayload: Bool

    func inject(_ value: String, forKey key: String, into publication: inout MQTTPublication) {
        if protocolLevel >= 5 {
            publication.userProperties.append(MQTTUserProperty(name: key, value: value))
        } else if hasJSONPayload, publication.payload.count > 2, publication.payload.last == UInt8(ascii: "}") {
            // Key and value contain no characters that JSON must escape.
            publication.payload.removeLast()
            publication.payload += Array(",\"\(key)\":\"\(value)\"}".utf8)
        }
    }
}
