import Core
import MQTTTransport
import Telemetry
import Tracing

/// The spans of one ingested batch: `process …` for every sampled message, with `telemetry.decode` below it.
struct IngestTracing {
    private let entry: EntryTracer
    private var processes: [any Span] = []

    init(entry: EntryTracer) {
        self.entry = entry
    }

    /// Starts the spans of a decoded message if it is sampled.
    ///
    /// - Parameter pattern: The route's topic pattern, so that span names have few values.
    /// - Returns: The parent for all further spans of the message; `nil` if it is not sampled.
    mutating func decoded(
        _ message: MQTTMessage, readings: [Reading], pattern: @autoclosure () -> String?, stages: PipelineTimestamps
    ) -> TraceContext? {
        // A retained message says nothing about latency.
        guard !message.isRetained,
            let process = begin(message, from: readings.first?.trace, pattern: pattern(), at: stages.receivedAt)
        else { return nil }
        process.updateAttributes { attributes in
            attributes["windsock.device"] = readings.first?.device.rawValue
            guard let sentAt = stages.sentAt else { return }
            // The send time is inferred from receive times, so it is marked as estimated.
            attributes["windsock.device.delay_ms"] = stages.receivedAt.since(sentAt) / .milliseconds(1)
            attributes["windsock.device.delay_estimated"] = true
        }
        let decode = entry.tracer.startSpan(
            "telemetry.decode", under: process.traceContext, at: stages.decodeStartedAt)
        decode.updateAttributes { attributes in
            attributes["windsock.readings.count"] = readings.count
            attributes["windsock.metrics.count"] = readings.reduce(0) { $0 + $1.metrics.count }
        }
        decode.end(at: stages.decodedAt)
        return process.traceContext
    }

    /// Starts the span of a message that could not be decoded, with an error status, if the message has a trace context
    /// and is sampled.
    mutating func failed(
        _ message: MQTTMessage, from origin: TraceContext?, _ error: DecodeError, receivedAt: Timestamp
    ) -> TraceContext? {
        guard let origin, !message.isRetained,
            let process = begin(message, from: origin, pattern: nil, at: receivedAt)
        else { return nil }
        process.updateAttributes { $0["error.type"] = error.reason }
        process.setStatus(SpanStatus(code: .error, message: "\(error)"))
        return process.traceContext
    }

    /// Ends the spans once the batch was handed to the hub, or failed.
    mutating func finish(_ error: (any Error)? = nil, at now: Timestamp) {
        for process in processes {
            if let error { process.setStatus(SpanStatus(code: .error, message: "\(error)")) }
            process.end(at: now)
        }
        processes = []
    }

    private mutating func begin(
        _ message: MQTTMessage, from origin: TraceContext?, pattern: @autoclosure () -> String?, at start: Timestamp
    ) -> (any Span)? {
        let template = pattern()
        let name = template.map { "process \($0)" } ?? "process"
        guard let process = entry.begin(name, from: origin, ofKind: .consumer, at: start) else { return nil }
        process.updateAttributes { attributes in
            attributes["messaging.system"] = "mqtt"
            attributes["messaging.operation.name"] = "process"
            attributes["messaging.operation.type"] = "process"
            attributes["messaging.destination.name"] = message.topic
            if let template { attributes["messaging.destination.template"] = template }
            attributes["messaging.message.body.size"] = message.payload.count
            attributes["messaging.mqtt.qos"] = Int(message.qos.rawValue)
        }
        processes.append(process)
        return process
    }
}
