import Foundation
import Telemetry
package import Tracing

extension OTLPConfiguration {
    /// Reads the variables of the OpenTelemetry specification.
    ///
    /// - Parameters:
    ///   - environment: variables by name; others than `OTEL_*` are not looked at.
    ///   - serviceName: the service's name when no variable has one.
    ///   - attributes: the resource's attributes that variables may replace.
    /// - Throws: one error for all variables that cannot be used.
    ///
    /// Source: OpenTelemetry specification, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
    package init(
        environment: [String: String], serviceName: String, attributes: SpanAttributes = [:]
    ) throws(OTLPConfigurationError) {
        var reader = EnvironmentReader(environment)
        self.init(serviceName: serviceName)
        isDisabled = reader.flag("OTEL_SDK_DISABLED")
        resource = Self.resource(serviceName: serviceName, attributes: attributes, from: &reader)
        sampler = Self.sampler(from: &reader)
        propagator = Self.propagator(from: &reader)
        readLimits(from: &reader)
        traces = Self.endpoint(of: .traces, from: &reader)
        metrics = Self.endpoint(of: .metrics, from: &reader)
        logs = Self.endpoint(of: .logs, from: &reader)
        spanBatches = Self.batches("OTEL_BSP", defaults: spanBatches, from: &reader)
        logBatches = Self.batches("OTEL_BLRP", defaults: logBatches, from: &reader)
        metricInterval = reader.delay("OTEL_METRIC_EXPORT_INTERVAL", from: 1) ?? metricInterval
        metricTimeout = reader.timeout(["OTEL_METRIC_EXPORT_TIMEOUT"]) ?? metricTimeout
        guard reader.mistakes.isEmpty else { throw OTLPConfigurationError(mistakes: reader.mistakes) }
        guard isDisabled else { return }
        sampler = Sampler(root: .alwaysOff, isParentBased: false)
        traces = nil
        metrics = nil
        logs = nil
    }

    private static func resource(
        serviceName: String, attributes: SpanAttributes, from reader: inout EnvironmentReader
    ) -> Resource {
        var attributes = attributes
        attributes["service.version"] = WindsockVersion.text
        attributes["telemetry.sdk.name"] = "windsock"
        attributes["telemetry.sdk.language"] = "swift"
        attributes["telemetry.sdk.version"] = WindsockVersion.text
        var name = serviceName
        let variable = "OTEL_RESOURCE_ATTRIBUTES"
        if let text = reader.text(variable) {
            for entry in text.split(separator: ",") {
                let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, let key = decoded(parts[0]), !key.isEmpty, let value = decoded(parts[1]) else {
                    // A forgotten `%` or `=` may stand anywhere in it, so that all of it is shown to nobody.
                    reader.reject(variable, nil, allowed: "key=value,key=value, percent-encoded")
                    break
                }
                attributes.set(key, value: .string(value))
                if key == "service.name", !value.isEmpty { name = value }
            }
        }
        return Resource(serviceName: reader.text("OTEL_SERVICE_NAME") ?? name, attributes: attributes)
    }

    private static func decoded(_ text: Substring) -> String? {
        text.trimmingCharacters(in: .whitespaces).removingPercentEncoding
    }

    private static func propagator(from reader: inout EnvironmentReader) -> W3CPropagator? {
        let variable = "OTEL_PROPAGATORS"
        guard let text = reader.text(variable) else { return W3CPropagator() }
        let names = Set(text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces).lowercased() })
        switch names {
        case ["tracecontext"]: return W3CPropagator()
        case ["none"]: return nil
        default:
            reader.reject(variable, text, allowed: "tracecontext or none")
            return nil
        }
    }

    private mutating func readLimits(from reader: inout EnvironmentReader) {
        let counts = 0...10_000
        spanLimits = SpanData.Limits(
            attributes: reader.count("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", in: counts)
                ?? spanLimits.attributes,
            events: reader.count("OTEL_SPAN_EVENT_COUNT_LIMIT", in: counts) ?? spanLimits.events,
            links: reader.count("OTEL_SPAN_LINK_COUNT_LIMIT", in: counts) ?? spanLimits.links)
        maxAttributeLength = reader.count(
            "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", in: 0...1_000_000)
    }

    private static func batches(
        _ prefix: String, defaults: BatchConfiguration, from reader: inout EnvironmentReader
    ) -> BatchConfiguration {
        let queue = reader.count("\(prefix)_MAX_QUEUE_SIZE", in: 1...1_000_000) ?? defaults.maxQueueSize
        let batch = reader.count("\(prefix)_MAX_EXPORT_BATCH_SIZE", in: 1...min(queue, 10_000))
        return BatchConfiguration(
            maxQueueSize: queue,
            maxBatchSize: batch ?? defaults.maxBatchSize,
            scheduleDelay: reader.delay("\(prefix)_SCHEDULE_DELAY") ?? defaults.scheduleDelay,
            exportTimeout: reader.timeout(["\(prefix)_EXPORT_TIMEOUT"]) ?? defaults.exportTimeout)
    }
}
