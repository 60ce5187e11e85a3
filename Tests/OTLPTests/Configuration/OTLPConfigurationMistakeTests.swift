import Foundation
import TestSupport
import Testing

@testable import OTLP

/// Errors name the variable and the allowed values, are reported together, and reveal no secrets.
@Suite("Invalid OTEL_* variables")
struct OTLPConfigurationMistakeTests {
    private func mistakes(_ environment: [String: String]) -> [OTLPError.Mistake] {
        do throws(OTLPError) {
            _ = try OTLPConfiguration(environment: environment, serviceName: "s")
            return []
        } catch {
            return error.mistakes
        }
    }

    @Test(
        "An invalid value is reported with what is allowed",
        arguments: [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4318", "http"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://c", "http"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "http"), ("OTEL_TRACES_EXPORTER", "zipkin", "otlp or none"),
            ("OTEL_METRICS_EXPORTER", "otlp,console", "otlp or none"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote", "parentbased_traceidratio"),
            ("OTEL_PROPAGATORS", "tracecontext,baggage", "tracecontext or none"),
            ("OTEL_PROPAGATORS", "b3", "tracecontext or none"), ("OTEL_SDK_DISABLED", "yes", "true or false"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "from 1"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096", "1 to 2048"),
            ("OTEL_BSP_SCHEDULE_DELAY", "5s", "milliseconds"), ("OTEL_BLRP_EXPORT_TIMEOUT", "-1", "milliseconds"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "0", "from 1"),
            ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "whole number"),
        ])
    func allowed(variable: String, value: String, hint: String) throws {
        let mistakes = mistakes([variable: value])
        let mistake = try #require(mistakes.first)
        #expect(mistakes.count == 1)
        #expect(mistake.variable == variable && mistake.value == value)
        #expect(mistake.allowed.contains(hint), "\(mistake)")
    }

    @Test(
        "An invalid variable for all signals is reported once",
        arguments: [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "gRPC is not supported"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "none or gzip"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "milliseconds"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "key.pem", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "c.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY"),
        ])
    func exporter(variable: String, value: String, hint: String) throws {
        let mistakes = mistakes(["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", variable: value])
        #expect(mistakes.map(\.variable) == [variable])
        #expect(try #require(mistakes.first).allowed.contains(hint))
    }

    @Test("All invalid variables are reported together")
    func together() {
        let mistakes = mistakes([
            "OTEL_BSP_SCHEDULE_DELAY": "x", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense",
        ])
        #expect(
            Set(mistakes.map(\.variable)) == [
                "OTEL_BSP_SCHEDULE_DELAY", "OTEL_TRACES_SAMPLER_ARG", "OTEL_EXPORTER_OTLP_ENDPOINT",
            ])
    }

    @Test(
        "Values that may be secret are not shown",
        arguments: [
            ["OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20hush,hush"],
            ["OTEL_EXPORTER_OTLP_HEADERS": "a=hush%0D%0Ahush"], ["OTEL_EXPORTER_OTLP_HEADERS": "a b=hush"],
            ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://me:hush@c/"],
            ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "//c/?key=hush"], ["OTEL_RESOURCE_ATTRIBUTES": "token:hush"],
        ])
    func secrets(_ environment: [String: String]) throws {
        let mistakes = mistakes(environment.merging(["OTEL_LOGS_EXPORTER": "otlp"]) { $1 })
        #expect(mistakes.count == 1)
        #expect(try #require(mistakes.first).variable == environment.keys.first)
        #expect(!OTLPError.invalidVariables(mistakes).description.contains("hush"))
    }

    @Test("The values of headers are not shown")
    func headers() throws {
        let headers = OTLPHeaders(fields: [try #require(OTLPHeaders.Field("api-key=hush"))])
        var dumped = ""
        dump(OTLPEndpoint(url: "http://c", headers: headers), to: &dumped)
        for text in ["\(headers)", String(reflecting: headers), "\(headers.fields)", dumped] {
            #expect(text.contains("api-key"))
            #expect(!text.contains("hush"))
        }
    }

    @Test(
        "An unusable TLS file is named, with its setting",
        arguments: [
            (nil as String?, "it cannot be read"), ("", "it has no certificate"), ("hush", "it has no certificate"),
            ("-----BEGIN CERTIFICATE-----\nhush\n-----END CERTIFICATE-----\n", "it has a broken certificate"),
        ])
    func files(_ text: String?, _ reason: String) throws {
        let folder = try TemporaryFolder()
        let path = try text.map { try folder.write($0, to: "file.pem") } ?? folder.url.appending(path: "none").path
        let cases = [
            ("CERTIFICATE", OTLPSecurity(certificateFile: path), reason),
            ("CLIENT_CERTIFICATE", OTLPSecurity(clientCertificateFile: path), reason),
            ("CLIENT_KEY", OTLPSecurity(clientKeyFile: path), text == nil ? reason : "it has no private key"),
        ]
        for (setting, security, reason) in cases {
            let endpoint = OTLPEndpoint(url: "https://c", security: security)
            let error = #expect(throws: OTLPError.self) { try OTLPHTTPExporter(endpoint, signal: .traces) }
            let description = try #require(error?.description)
            #expect(description.contains("OTEL_EXPORTER_OTLP_\(setting) (traces): \"\(path)\""))
            #expect(description.contains(reason) && !description.contains("hush"))
        }
    }
}
