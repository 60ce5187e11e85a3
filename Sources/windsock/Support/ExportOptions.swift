import ArgumentParser
import Foundation

/// Where traces, metrics and logs go.
struct ExportOptions: ParsableArguments {
    @Option(
        name: .customLong("otlp"),
        help: "Send traces, metrics and logs to this collector: http://host:4318. More by the OTEL_* variables.")
    var collector: String?

    /// The process's variables, with what the flag says in the place of the general endpoint's.
    var environment: [String: String] {
        var environment = ProcessInfo.processInfo.environment
        if let collector { environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector }
        return environment
    }
}
