import MQTTTransport
import Telemetry
import Tracing

/// Makes the spans of what one device publishes: the first of a reading's trace.
///
/// Source: OpenTelemetry semantic conventions, "Messaging spans".
struct DeviceTracing: Sendable {
    let tracer: any Tracer
    let clock: DeviceClock
    let device: String
    let clientID: String
    /// The topic with `{device}` for the name, so that spans have few names.
    let template: String
    /// Whether payloads are JSON objects, which have a place for the context.
    let hasJSONPayload: Bool

    /// One publication's span, until the broker has the message.
    struct Publishing: Sendable {
        fileprivate let span: any Span
        fileprivate let clock: DeviceClock
        fileprivate let offset: Duration

        /// The broker has acknowledged it, the socket has taken it, or it was given up.
        func finish(_ succeeded: Bool) {
            if !succeeded { span.setStatus(SpanStatus(code: .error, message: "the message was given up")) }
            span.end(at: clock.now().advanced(by: offset))
        }
    }

    /// Starts the span of a publication and adds its context; `nil` when it is not sampled.
    ///
    /// - Parameter protocolLevel: 5 has user properties; with 4 (MQTT 3.1.1) only a JSON payload can tell.
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
