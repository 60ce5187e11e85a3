package import AlertRules
package import Core
import Foundation
package import Logging
package import MQTTTransport
import NIOCore
package import OTLP
package import Realtime
package import Services
package import Telemetry
package import WebServer
package import Webhooks
import YAML

/// The complete configuration of the gateway, one value per component, validated before any socket opens.
package struct GatewayConfiguration: Sendable {
    package var server: WebServerConfiguration
    package var mqtt: MQTTConfiguration
    package var hub: HubConfiguration
    package var stream: DataStreamConfiguration
    package var history: HistoryConfiguration
    package var storage: StorageConfiguration
    /// Alert rules of the configuration file and of `alerts_dir`.
    package var alertRules: [AlertRule]
    /// The files of `alerts_dir` as they were before the rules were read.
    var alertStamps: [String: FileStamp]
    /// Receiver of alert events; `nil` when no URL is set.
    package var webhook: WebhookConfiguration?
    package var routes: [TopicRoute]
    package var statusRoutes: [StatusRoute]
    /// The reading of Home Assistant's discovery messages; `nil` when it is off.
    package var entities: EntityDiscovery.Configuration?
    package var decodingLimits: DecodingLimits
    /// `nil` only while reading settings that have mistakes.
    package var discovery: DiscoveryConfiguration?
    package var tracing: TracingConfiguration
    /// Settings of the `OTEL_*` variables.
    package var otlp: OTLPConfiguration
    /// The HS256 secret; `nil` when none is set. Serving needs this secret or a key set.
    package var jwtSecret: String?
    /// Keys and claims of accepted tokens; includes the secret.
    package var tokens: TokenConfiguration
    package var dataDirectory: String
    /// The folder of the dashboards. If `dashboards_dir` is not set, the first of ``ShippedFiles``.
    package var dashboardsDirectory: String
    /// The folder of the alert rules, which may not exist.
    package var alertsDirectory: String
    package var logLevel: Logger.Level
    /// Number of threads that serve clients.
    package var eventLoopCount: Int

    /// The sources of settings.
    package struct Sources: Sendable {
        /// `windsock.yaml`, if there is one.
        package var file: ConfigurationFile?
        package var environment: [String: String]
        /// Values of command-line flags by option key.
        package var flags: [String: String]

        package init(
            file: ConfigurationFile? = nil, environment: [String: String] = [:], flags: [String: String] = [:]
        ) {
            self.file = file
            self.environment = environment
            self.flags = flags
        }

        /// Sets an option as a flag does, unless a source sets it already.
        package mutating func setDefault(_ key: String, to value: String) {
            let settings = SettingsReader(file: file, environment: environment, flags: flags)
            guard let option = ConfigurationOption.all.first(where: { $0.key == key }),
                settings.origin(of: option) == "default"
            else { return }
            flags[key] = value
        }
    }

    /// Reads and validates all settings.
    ///
    /// - Throws: ``ConfigurationError`` with every invalid setting.
    package init(_ sources: Sources) throws(ConfigurationError) {
        var settings = SettingsReader(file: sources.file, environment: sources.environment, flags: sources.flags)
        for name in sources.environment.keys.sorted() where Self.isUnknown(variable: name) {
            let known = Self.variables(like: name).joined(separator: ", ")
            settings.record(
                ConfigurationError(origin: name, problem: "unknown setting; allowed: \(known)"))
        }
        let addedDefaults: [TopicRoute]
        (routes, addedDefaults, statusRoutes) = Self.routes(&settings, sources.file)
        dataDirectory = settings.text(.dataDir) ?? ""
        dashboardsDirectory = Self.dashboards(settings)
        alertsDirectory = settings.text(.alertsDir) ?? ""
        logLevel = settings.choice(.logLevel, Logger.Level.allCases.map { ($0.rawValue, $0) }, fallback: .info)
        let loops = settings.integer(.eventLoops, in: 0...1024)
        eventLoopCount = loops > 0 ? loops : max(1, ProcessInfo.processInfo.activeProcessorCount)
        let secret = settings.secret(.jwtSecret, file: .jwtSecretFile)
        jwtSecret = secret?.value
        if let secret, secret.value.utf8.count < TokenAuthority.minimumSecretByteCount {
            settings.fail(
                secret.option,
                "the secret has \(secret.value.utf8.count) bytes; allowed: at least "
                    + "\(TokenAuthority.minimumSecretByteCount)",
                instead: ())
        }
        tokens = Self.tokens(&settings, secret: secret?.value, telemetryRoots: routes.telemetryRoots)
        decodingLimits = DecodingLimits(maxPayloadBytes: settings.integer(.payloadBytes, in: 1...(1 << 28)))
        discovery = DiscoveryConfiguration.read(&settings)
        hub = HubConfiguration(
            queue: OutboundQueue.Limits(
                maxBytes: settings.integer(.queueBytes, in: 1024...(1 << 30)),
                maxReliableMessages: settings.integer(.queueMessages, in: 1...1_000_000)),
            maxMailboxBytes: settings.integer(.mailboxBytes, in: 65_536...(1 << 32)),
            protectedFirstLevels: RoomGrants.protectedFirstLevels,
            presenceGrace: TimeAmount(settings.duration(.presenceGrace, in: .zero...(.seconds(3600)))))
        history = Self.history(&settings)
        storage = Self.storage(&settings)
        webhook = Self.webhook(&settings)
        alertStamps = [String: FileStamp](paths: YAMLDocument.files(in: alertsDirectory) ?? [])
        alertRules = Self.alertRules(&settings, sources.file, telemetryRoots: routes.telemetryRoots)
        tracing = Self.tracing(&settings)
        otlp = Self.otlp(&settings, sources.environment)
        stream = DataStreamConfiguration(
            maxDevices: settings.integer(.devices, in: 1...10_000_000),
            maxLatestBytes: settings.integer(.latestBytes, in: 1_048_576...1_099_511_627_776),
            telemetryRoots: routes.telemetryRoots,
            protectedFirstLevels: RoomGrants.protectedFirstLevels,
            offlineAfter: Self.offlineAfter(&settings))
        server = Self.server(&settings)
        server.webDirectory = try? ShippedFiles.standard.page(of: dashboardsDirectory)
        entities = Self.entities(&settings, routes: routes)
        mqtt = Self.mqtt(
            &settings, routes: routes, addedDefaults: addedDefaults, statusRoutes: statusRoutes,
            maxPayloadBytes: decodingLimits.maxPayloadBytes)
        mqtt.subscriptions += entities?.subscriptions ?? []
        try settings.finish()
    }

    /// Checks that there is a key to verify tokens with. Only serving needs one.
    package func requireTokenKeys() throws(TokenKeyError) {
        guard jwtSecret != nil || tokens.keys != nil else { throw .noKeys }
    }

    /// Checks that there are dashboards, if `dashboards_dir` does not name a folder.
    ///
    /// - Throws: `Unavailable`, which names every folder that was tried.
    package func requireDashboards() throws(Unavailable) {
        guard dashboardsDirectory == ConfigurationOption.dashboardsDir.defaultValue else { return }
        guard !FileManager.default.fileExists(atPath: dashboardsDirectory) else { return }
        _ = try ShippedFiles.standard.folder(dashboardsDirectory)
    }

    /// Returns the folder of the dashboards: as set, or else the first that exists.
    static func dashboards(_ settings: SettingsReader) -> String {
        let folder = settings.text(.dashboardsDir) ?? ""
        guard settings.origin(of: .dashboardsDir) == "default" else { return folder }
        return (try? ShippedFiles.standard.folder(folder)) ?? folder
    }

    /// Returns true for a `WINDSOCK_` variable that no option has. Such a variable is probably misspelt.
    private static func isUnknown(variable name: String) -> Bool {
        guard name.hasPrefix("WINDSOCK_"), !toolVariables.contains(name) else { return false }
        return !ConfigurationOption.all.contains { $0.environmentName == name }
    }

    /// Returns the known variables of the same section, such as those that begin with `WINDSOCK_MQTT_`, or all
    /// variables if no section has that prefix.
    private static func variables(like name: String) -> [String] {
        let all = ConfigurationOption.all.map(\.environmentName)
        let section = name.split(separator: "_").prefix(2).joined(separator: "_") + "_"
        let same = ConfigurationOption.all.filter { $0.key.contains(".") }.map(\.environmentName)
            .filter { $0.hasPrefix(section) }
        return same.isEmpty ? all : same
    }

    /// Variables of the command line and the tests, which the gateway ignores.
    private static let toolVariables: Set<String> = ["WINDSOCK_CONFIG", "WINDSOCK_TOKEN", "WINDSOCK_SHARED_DATA"]
}
