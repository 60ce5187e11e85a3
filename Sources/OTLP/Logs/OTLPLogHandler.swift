package import Logging
import Telemetry

/// Sends what is logged to a collector, beside the handler that writes it.
///
/// `trace_id` and `span_id` in the metadata, where both are valid, become the record's trace. What the export itself
/// logs (labels that begin with ``ownLabel``) is left out, or a collector that is down would be told of it forever.
package struct OTLPLogHandler: LogHandler {
    /// The label of loggers whose lines are not sent.
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
