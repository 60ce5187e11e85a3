import ArgumentParser
import Core
import Foundation
import Gateway
import Logging

/// The flags for the gateway's configuration. Flags override the environment, which overrides the file.
struct SettingsOptions: ParsableArguments {
    /// The configuration file that is read when none is named and this one exists in the working directory.
    static let defaultFile = "windsock.yaml"

    @Option(help: "The configuration file; default: windsock.yaml if it exists. Also WINDSOCK_CONFIG.")
    var config: String?

    @Option(help: "Address and port for HTTP and WebSocket (127.0.0.1:8080).")
    var listen: String?

    @Option(name: .customLong("mqtt-url"), help: "The broker: mqtt://[user:pass@]host:1883 or mqtts://….")
    var mqttURL: String?

    @Option(name: .customLong("data-dir"), help: "Folder for persistent data (windsock-data).")
    var dataDir: String?

    @Option(name: .customLong("dashboards-dir"), help: "Folder with the dashboards (dashboards).")
    var dashboardsDir: String?

    @Option(name: .customLong("public-url"), help: "The gateway's URL as browsers see it behind a proxy.")
    var publicURL: String?

    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical (info).")
    var logLevel: String?

    @OptionGroup var export: ExportOptions

    @Option(name: .customLong("set"), help: "Any other setting, such as --set limits.devices=20000. Repeatable.")
    var settings: [String] = []

    /// Collects the settings of the file, the environment and the flags. Throws ``ConfigurationError``.
    func sources() throws -> GatewayConfiguration.Sources {
        let environment = export.environment
        var file: ConfigurationFile?
        if let path = config ?? environment["WINDSOCK_CONFIG"], !path.isEmpty {
            guard FileManager.default.fileExists(atPath: path) else {
                throw ConfigurationError(
                    origin: config == nil ? "WINDSOCK_CONFIG" : "--config",
                    problem: "the file \(path) does not exist; windsock init writes a configuration to begin with")
            }
            file = try ConfigurationFile(path: path)
        } else if FileManager.default.fileExists(atPath: Self.defaultFile) {
            file = try ConfigurationFile(path: Self.defaultFile)
        }
        return GatewayConfiguration.Sources(file: file, environment: environment, flags: try flags())
    }

    private func flags() throws -> [String: String] {
        var flags: [String: String] = [:]
        for setting in settings {
            let parts = setting.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, ConfigurationOption.all.contains(where: { $0.key == parts[0] }) else {
                let known = ConfigurationOption.all.map(\.key).joined(separator: ", ")
                throw ConfigurationError(
                    origin: "--set \(parts.first ?? "")", problem: "expected key=value; allowed keys: \(known)")
            }
            flags[parts[0]] = parts[1]
        }
        let named: [(String, String?)] = [
            ("listen", listen), ("mqtt.url", mqttURL), ("data_dir", dataDir), ("dashboards_dir", dashboardsDir),
            ("public_url", publicURL), ("log_level", logLevel),
        ]
        for case (let key, let value?) in named { flags[key] = value }
        return flags
    }

    /// Returns a logger to standard error at the given level.
    static func logger(level: Logger.Level, label: String = "windsock") -> Logger {
        var logger = Logger(label: label) { PlainTextLogHandler(StreamLogHandler.standardError(label: $0)) }
        logger.logLevel = level
        return logger
    }
}

/// The destination of exported traces, metrics and logs.
struct ExportOptions: ParsableArguments {
    @Option(
        name: .customLong("otlp"),
        help: "Send traces, metrics and logs to this collector: http://host:4318. See also the OTEL_* variables.")
    var collector: String?

    /// The process's environment, with `--otlp` in place of `OTEL_EXPORTER_OTLP_ENDPOINT`.
    var environment: [String: String] {
        var environment = ProcessInfo.processInfo.environment
        if let collector { environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector }
        return environment
    }
}
