import Core
package import Logging
import Telemetry

/// A log handler that exports log lines to a collector. It is combined with a second handler that writes the lines to
/// the terminal, for example in a `MultiplexLogHandler`.
///
/// If the metadata contains valid `trace_id` and `span_id` values, they become the record's trace context. Lines of the
/// exporter itself (labels that start with ``ownLabel``) are not exported. Otherwise, each failed export would create
/// another record to export.
package struct OTLPLogHandler: LogHandler {
    /// The label prefix of loggers whose lines are not exported.
    package static let ownLabel = "windsock.otlp"

    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level

    private let label: String
    private let processor: BatchLogProcessor?

    package init(
        label: String, processor: BatchLogProcessor, level: Logger.Level = .info,
        metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.label = label
        self.processor = label.hasPrefix(Self.ownLabel) ? nil : processor
        self.metadataProvider = metadataProvider
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        guard let processor else { return }
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let given = event.metadata { all.merge(given) { $1 } }
        var attributes = all.mapValues(LogRecord.Value.init)
        if let error = event.error {
            attributes["exception.type"] = .text("\(type(of: error))")
            attributes["exception.message"] = LogRecord.Value("\(error)")
        }
        let trace = Self.takeTrace(from: &attributes)
        attributes["logger"] = .text(label)
        let surplus = max(0, attributes.count - LogRecord.maxAttributeCount)
        for key in attributes.keys.sorted().suffix(surplus) { attributes[key] = nil }
        processor.add(
            level: event.level, message: String(event.message.description.prefix(LogRecord.maxTextLength)),
            trace: trace, attributes: attributes, droppedAttributeCount: surplus)
    }

    private static func takeTrace(from attributes: inout [String: LogRecord.Value]) -> TraceContext? {
        guard case .text(let traceID)? = attributes["trace_id"], case .text(let spanID)? = attributes["span_id"],
            let trace = TraceContext(traceparent: "00-\(traceID)-\(spanID)-01")
        else { return nil }
        attributes["trace_id"] = nil
        attributes["span_id"] = nil
        return trace
    }
}

extension LogRecord.Value {
    init(_ value: Logger.MetadataValue) {
        switch value {
        case .string(let text): self.init(text)
        case .stringConvertible(let value): self.init("\(value)")
        case .array(let elements): self = .list(elements.map(Self.init))
        case .dictionary(let members): self = .map(members.mapValues(Self.init))
        }
    }

    init(_ text: String) {
        self = .text(String(text.prefix(LogRecord.maxTextLength)))
    }
}

/// A log line queued for export. All values are converted to text when the line is logged, so that the queue retains no
/// objects of the caller.
struct LogRecord: Sendable {
    /// The maximum length of a text, in characters. Longer texts are truncated.
    static let maxTextLength = 16_384
    /// The maximum number of attributes. Further attributes, in alphabetical order of their names, are dropped and
    /// counted.
    static let maxAttributeCount = 128

    indirect enum Value: Sendable, Equatable {
        case text(String)
        case list([Value])
        case map([String: Value])
    }

    let time: Timestamp
    let level: Logger.Level
    let message: String
    /// The span that was active when the line was logged.
    let trace: TraceContext?
    let attributes: [String: Value]
    let droppedAttributeCount: Int
}

/// A processor that exports log records in batches. Its ``OTLPPipeline`` runs it.
///
/// Source: OpenTelemetry specification, "Logs SDK", Batching processor.
package struct BatchLogProcessor: Sendable {
    let exporter: BatchExporter<LogRecord>
    let clock: any WallClock

    func add(
        level: Logger.Level, message: String, trace: TraceContext?, attributes: [String: LogRecord.Value],
        droppedAttributeCount: Int
    ) {
        exporter.offer(
            LogRecord(
                time: clock.now(), level: level, message: message, trace: trace, attributes: attributes,
                droppedAttributeCount: droppedAttributeCount))
    }
}
