import Testing
import Tracing

@testable import OTLP

/// The variables have the meaning given in the OpenTelemetry specification.
@Suite("OTEL_* variables")
struct OTLPConfigurationTests {
    private func read(_ environment: [String: String]) throws -> OTLPConfiguration {
        try OTLPConfiguration(environment: environment, serviceName: "windsock-gateway")
    }

    @Test(
        "Nothing is exported unless an endpoint or an exporter is set",
        arguments: [
            ([:], []), (["OTEL_EXPORTER_OTLP_ENDPOINT": " "], []),
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"], ["traces", "metrics", "logs"]),
            (["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://c:4318/v1/logs"], ["logs"]),
            (["OTEL_TRACES_EXPORTER": "otlp"], ["traces"]),
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_LOGS_EXPORTER": "none"], ["traces", "metrics"]),
            (["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "True"], []),
        ] as [([String: String], [String])])
    func signals(_ environment: [String: String], exported: [String]) throws {
        let configuration = try read(environment)
        let found = [
            ("traces", configuration.traces), ("metrics", configuration.metrics), ("logs", configuration.logs),
        ]
        #expect(found.filter { $0.1 != nil }.map(\.0) == exported)
    }

    @Test(
        "The signal's path is appended to the common endpoint, but not to an endpoint that is set for the signal",
        arguments: [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318", "http://c:4318/v1/traces"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/", "http://c:4318/v1/traces"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/a/b/", "https://c/a/b/v1/traces"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318", "http://c:4318/"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/mine?x=1", "http://c/mine?x=1"),
            ("OTEL_TRACES_EXPORTER", "otlp", "http://localhost:4318/v1/traces"),
        ])
    func endpoints(variable: String, value: String, url: String) throws {
        #expect(try read([variable: value]).traces?.url == url)
    }

    @Test("A variable for one signal takes precedence over that for all signals")
    func precedence() throws {
        let configuration = try read([
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_TIMEOUT": "7000",
            "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "0", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
            "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none", "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "api-key=two%20words, b = x%3Dy",
            "OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": "own.pem",
        ])
        let (traces, metrics, logs) = (configuration.traces, configuration.metrics, configuration.logs)
        #expect(traces?.timeout == .seconds(7) && metrics?.timeout == .seconds(3600))
        #expect(traces?.protocol == .httpJSON && logs?.protocol == .httpProtobuf)
        #expect(traces?.compression == OTLPCompression.none && metrics?.compression == .gzip)
        #expect(traces?.headers.fields.map(\.name) == ["a"])
        #expect(logs?.headers.fields.map { "\($0.name)=\($0.value)" } == ["api-key=two words", "b=x=y"])
        #expect(traces?.security.certificateFile == "own.pem" && logs?.security.certificateFile == "ca.pem")
    }

    @Test("The defaults are those of the specification")
    func defaults() throws {
        let configuration = try read(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"])
        #expect(configuration.traces == OTLPEndpoint(url: "http://c/v1/traces"))
        #expect(configuration.traces?.timeout == .seconds(10))
        let batches = configuration.spanBatches
        #expect(batches.maxQueueSize == 2048 && batches.maxBatchSize == 512)
        #expect(batches.scheduleDelay == .seconds(5) && batches.exportTimeout == .seconds(30))
        #expect(configuration.logBatches.scheduleDelay == .seconds(1))
        #expect(configuration.metricInterval == .seconds(60) && configuration.metricTimeout == .seconds(30))
        #expect(configuration.sampler == .parentBasedAlwaysOn && configuration.propagator != nil)
        #expect(configuration.resource.serviceName == "windsock-gateway")
    }

    @Test(
        "The specification's samplers are supported",
        arguments: [
            ("always_on", nil, Sampler(root: .alwaysOn, isParentBased: false)),
            ("always_off", nil, Sampler(root: .alwaysOff, isParentBased: false)),
            ("traceidratio", "0.25", Sampler(root: .ratio(0.25), isParentBased: false)),
            ("traceidratio", nil, Sampler(root: .ratio(1), isParentBased: false)),
            ("parentbased_always_on", nil, Sampler(root: .alwaysOn)),
            ("parentbased_always_off", "7", Sampler(root: .alwaysOff)),
            ("Parentbased_TraceIDRatio", "0", Sampler(root: .ratio(0))),
        ] as [(String, String?, Sampler)])
    func samplers(name: String, argument: String?, sampler: Sampler) throws {
        let environment = ["OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument ?? ""]
        #expect(try read(environment).sampler == sampler)
    }

    @Test("OTEL_SERVICE_NAME takes precedence over the resource attributes, which are percent-decoded")
    func resource() throws {
        let text = "service.name=a,deployment.environment.name=green%2Chouse , service.version = 1.2"
        let own = try read(["OTEL_RESOURCE_ATTRIBUTES": text]).resource
        #expect(own.serviceName == "a")
        #expect(own.attributes.get("deployment.environment.name") == .string("green,house"))
        #expect(own.attributes.get("service.version") == .string("1.2"))
        let named = try read(["OTEL_RESOURCE_ATTRIBUTES": text, "OTEL_SERVICE_NAME": "b"]).resource
        #expect(named.serviceName == "b" && named.attributes.get("service.name") == .string("b"))
    }

    @Test("Batch sizes, intervals, limits and propagators are read")
    func numbers() throws {
        let configuration = try read([
            "OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10", "OTEL_BSP_SCHEDULE_DELAY": "0",
            "OTEL_BSP_EXPORT_TIMEOUT": "2000", "OTEL_BLRP_MAX_QUEUE_SIZE": "7", "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "OTEL_METRIC_EXPORT_TIMEOUT": "500", "OTEL_ATTRIBUTE_COUNT_LIMIT": "3", "OTEL_SPAN_LINK_COUNT_LIMIT": "4",
            "OTEL_SPAN_EVENT_COUNT_LIMIT": "5", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "6", "OTEL_PROPAGATORS": "none",
        ])
        #expect(configuration.spanBatches.maxQueueSize == 100 && configuration.spanBatches.maxBatchSize == 10)
        #expect(configuration.spanBatches.scheduleDelay == .zero)
        #expect(configuration.spanBatches.exportTimeout == .seconds(2))
        #expect(configuration.logBatches.maxQueueSize == 7 && configuration.logBatches.maxBatchSize == 7)
        #expect(configuration.metricInterval == .seconds(1) && configuration.metricTimeout == .milliseconds(500))
        let limits = configuration.spanLimits
        #expect(limits.attributes == 3 && limits.links == 4 && limits.events == 5)
        #expect(configuration.maxAttributeLength == 6 && configuration.propagator == nil)
    }

    @Test("With OTEL_SDK_DISABLED, no span is sampled, but contexts are propagated")
    func disabled() throws {
        let configuration = try read(["OTEL_SDK_DISABLED": "true", "OTEL_TRACES_SAMPLER": "always_on"])
        #expect(configuration.isDisabled && configuration.propagator != nil)
        #expect(configuration.sampler == Sampler(root: .alwaysOff, isParentBased: false))
    }
}
