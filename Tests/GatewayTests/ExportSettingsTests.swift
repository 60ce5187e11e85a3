import OTLP
import Testing

@testable import Gateway

/// The `OTEL_*` variables, alongside the gateway's own settings.
@Suite("Export settings")
struct ExportSettingsTests {
    @Test("Nothing is exported unless an endpoint is set; the service name has a default")
    func defaults() throws {
        let nothing = try SettingsFixture.load().otlp
        #expect(nothing.traces == nil && nothing.metrics == nil && nothing.logs == nil)
        #expect(nothing.resource.serviceName == "windsock-gateway")
        #expect(nothing.sampler == .parentBasedAlwaysOn)
        let all = try SettingsFixture.load(environment: ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"]).otlp
        #expect(all.traces?.url == "http://c:4318/v1/traces")
        #expect(all.metrics != nil && all.logs != nil)
    }

    @Test("Errors are reported with those of other settings and what is allowed, without header values")
    func mistakes() {
        let problems = SettingsFixture.problems(environment: [
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_PROPAGATORS": "b3",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization", "WINDSOCK_LISTEN": "nowhere",
        ])
        #expect(problems.contains { $0.hasPrefix("OTEL_PROPAGATORS: \"b3\" is not valid; allowed: ") })
        #expect(problems.contains { $0.hasPrefix("OTEL_EXPORTER_OTLP_HEADERS: the value (not shown) is not valid") })
        #expect(problems.contains { $0.contains("WINDSOCK_LISTEN") })
        #expect(problems.count == 3)
    }
}
