import Core
import Foundation
package import Tracing

extension OTLPConfiguration {
    /// Creates a configuration from the environment variables of the OpenTelemetry specification.
    ///
    /// - Parameters:
    ///   - environment: variables by name. Only `OTEL_*` variables are read.
    ///   - serviceName: the default service name.
    ///   - attributes: the default resource attributes. Variables can override them.
    /// - Throws: one ``OTLPError`` for all invalid variables.
    ///
    /// Source: OpenTelemetry specification, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
    package init(
        environment: [String: String], serviceName: String, attributes: SpanAttributes = [:]
    ) throws(OTLPError) {
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
        guard reader.mistakes.isEmpty else { throw .invalidVariables(reader.mistakes) }
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
                    // Hide the whole value. With a missing `%` or `=`, any part of it may be a secret.
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

extension OTLPConfiguration {
    private enum SamplerName: String, CaseIterable {
        case alwaysOn = "always_on"
        case alwaysOff = "always_off"
        case ratio = "traceidratio"
        case parentBasedAlwaysOn = "parentbased_always_on"
        case parentBasedAlwaysOff = "parentbased_always_off"
        case parentBasedRatio = "parentbased_traceidratio"
    }

    /// Reads the sampler.
    ///
    /// Source: OpenTelemetry specification, "Environment Variable Specification", General SDK configuration.
    static func sampler(from reader: inout EnvironmentReader) -> Sampler {
        guard let name: SamplerName = reader.choice(["OTEL_TRACES_SAMPLER"]) else { return .parentBasedAlwaysOn }
        switch name {
        case .alwaysOn: return Sampler(root: .alwaysOn, isParentBased: false)
        case .alwaysOff: return Sampler(root: .alwaysOff, isParentBased: false)
        case .ratio: return Sampler(root: .ratio(ratio(from: &reader)), isParentBased: false)
        case .parentBasedAlwaysOn: return Sampler(root: .alwaysOn)
        case .parentBasedAlwaysOff: return Sampler(root: .alwaysOff)
        case .parentBasedRatio: return Sampler(root: .ratio(ratio(from: &reader)))
        }
    }

    private static func ratio(from reader: inout EnvironmentReader) -> Double {
        let variable = "OTEL_TRACES_SAMPLER_ARG"
        guard let text = reader.text(variable) else { return 1 }
        if let ratio = Double(text), (0...1).contains(ratio) { return ratio }
        reader.reject(variable, text, allowed: "a number from 0 to 1")
        return 1
    }
}

extension OTLPConfiguration {
    private enum ExporterName: String, CaseIterable {
        case otlp
        case none
    }

    private static let defaultEndpoint = "http://localhost:4318"

    /// Reads the endpoint of `signal`. Returns `nil` when its export is not requested.
    ///
    /// Each variable has a signal-specific form, which takes precedence over the general one.
    static func endpoint(of signal: OTLPSignal, from reader: inout EnvironmentReader) -> OTLPEndpoint? {
        func names(_ suffix: String) -> [String] {
            ["OTEL_EXPORTER_OTLP_\(signal.variablePart)_\(suffix)", "OTEL_EXPORTER_OTLP_\(suffix)"]
        }
        let exporter: ExporterName? = reader.choice(["OTEL_\(signal.variablePart)_EXPORTER"])
        let given = reader.first(of: names("ENDPOINT"))
        guard exporter == .otlp || (exporter == nil && given != nil) else { return nil }

        let isOwn = given?.name == names("ENDPOINT")[0]
        let url = url(given?.value ?? defaultEndpoint, appending: isOwn ? "" : signal.path)
        if url == nil, let given {
            let isHarmless = !given.value.contains { "@?".contains($0) }
            reader.reject(
                given.name, isHarmless ? given.value : nil,
                allowed: "http://host:port/path or https://host:port/path, without a user name or password")
        }
        let `protocol`: OTLPProtocol? = reader.choice(names("PROTOCOL")) {
            $0 == "grpc" ? "OTLP over gRPC is not supported; collectors accept OTLP/HTTP on port 4318" : nil
        }
        let compression: OTLPCompression? = reader.choice(names("COMPRESSION"))
        return OTLPEndpoint(
            url: url ?? defaultEndpoint,
            headers: headers(names("HEADERS"), from: &reader),
            protocol: `protocol` ?? .httpProtobuf,
            compression: compression ?? .none,
            timeout: reader.timeout(names("TIMEOUT")) ?? .seconds(10),
            security: security(names, from: &reader))
    }

    /// Returns the normalised URL, or `nil` if it is invalid. A signal-specific URL is used as it is; a general one
    /// gets the signal's path appended.
    private static func url(_ text: String, appending path: String) -> String? {
        guard var parts = URLComponents(string: text), ["http", "https"].contains(parts.scheme?.lowercased()),
            let host = parts.host, !host.isEmpty, parts.user == nil, parts.password == nil, parts.fragment == nil,
            parts.port.map({ (1...65_535).contains($0) }) ?? true
        else { return nil }
        guard !path.isEmpty else {
            if parts.percentEncodedPath.isEmpty { parts.percentEncodedPath = "/" }
            return parts.string
        }
        guard parts.query == nil else { return nil }
        var base = parts.percentEncodedPath
        while base.hasSuffix("/") { base.removeLast() }
        parts.percentEncodedPath = base + path
        return parts.string
    }

    private static func headers(_ names: [String], from reader: inout EnvironmentReader) -> OTLPHeaders {
        guard let (name, value) = reader.first(of: names) else { return .none }
        var fields: [OTLPHeaders.Field] = []
        for (index, entry) in value.split(separator: ",").enumerated() {
            guard let field = OTLPHeaders.Field(entry) else {
                reader.reject(
                    name, nil, allowed: "name=value,name=value with percent-encoded values (see entry \(index + 1))")
                return .none
            }
            fields.append(field)
        }
        return OTLPHeaders(fields: fields)
    }

    private static func security(
        _ names: (String) -> [String], from reader: inout EnvironmentReader
    ) -> OTLPSecurity {
        let security = OTLPSecurity(
            certificateFile: reader.first(of: names("CERTIFICATE"))?.value,
            clientCertificateFile: reader.first(of: names("CLIENT_CERTIFICATE"))?.value,
            clientKeyFile: reader.first(of: names("CLIENT_KEY"))?.value)
        if let (name, value) = reader.first(of: names("CLIENT_CERTIFICATE")), security.clientKeyFile == nil {
            reader.reject(name, value, allowed: "only together with \(names("CLIENT_KEY")[1])")
        }
        if let (name, value) = reader.first(of: names("CLIENT_KEY")), security.clientCertificateFile == nil {
            reader.reject(name, value, allowed: "only together with \(names("CLIENT_CERTIFICATE")[1])")
        }
        return security
    }
}
