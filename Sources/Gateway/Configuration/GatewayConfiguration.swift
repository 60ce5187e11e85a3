import Foundation
package import Logging
package import MQTTTransport
package import Realtime
package import Services
package import Telemetry
package import WebServer

/// Everything the gateway is told, ready to use: each part's own configuration, checked before a socket opens.
package struct GatewayConfiguration: Sendable {
    package var server: WebServerConfiguration
    package var mqtt: MQTTConfiguration
    package var hub: HubConfiguration
    package var stream: DataStreamConfiguration
    package var routes: [TopicRoute]
    package var decodingLimits: DecodingLimits
    /// `nil` when none was set; serving needs one.
    package var jwtSecret: String?
    package var dataDirectory: String
    package var dashboardsDirectory: String
    package var logLevel: Logger.Level
    /// Threads that serve clients.
    package var eventLoopCount: Int

    /// Where settings come from.
    package struct Sources {
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
    }

    /// Reads and checks all settings; throws ``ConfigurationErrors`` with everything that cannot be used.
    package init(_ sources: Sources) throws(ConfigurationErrors) {
        var settings = SettingsReader(file: sources.file, environment: sources.environment, flags: sources.flags)
        for name in sources.environment.keys.sorted() where Self.isUnknown(variable: name) {
            settings.record(ConfigurationError(origin: name, problem: "There is no such setting."))
        }
        routes = sources.file?.routes ?? TopicRoute.defaults
        dataDirectory = settings.text(.dataDir) ?? ""
        dashboardsDirectory = settings.text(.dashboardsDir) ?? ""
        logLevel = settings.choice(.logLevel, Logger.Level.allCases.map { ($0.rawValue, $0) }, fallback: .info)
        let loops = settings.integer(.eventLoops, in: 0...1024)
        eventLoopCount = loops > 0 ? loops : max(1, ProcessInfo.processInfo.activeProcessorCount)
        jwtSecret = settings.secret(.jwtSecret, file: .jwtSecretFile)
        if let secret = jwtSecret, secret.utf8.count < TokenAuthority.minimumSecretByteCount {
            settings.fail(
                .jwtSecret,
                "The secret has \(secret.utf8.count) bytes; at least \(TokenAuthority.minimumSecretByteCount) are needed.",
                instead: ())
        }
        decodingLimits = DecodingLimits(maxPayloadBytes: settings.integer(.payloadBytes, in: 1...(1 << 28)))
        hub = HubConfiguration(
            queue: OutboundQueue.Limits(
                maxBytes: settings.integer(.queueBytes, in: 1024...(1 << 30)),
                maxReliableMessages: settings.integer(.queueMessages, in: 1...1_000_000)),
            maxMailboxBytes: settings.integer(.mailboxBytes, in: 65_536...(1 << 32)),
            protectedFirstLevels: RoomGrants.protectedFirstLevels)
        stream = DataStreamConfiguration(
            maxDevices: settings.integer(.devices, in: 1...10_000_000),
            telemetryRoots: routes.telemetryRoots,
            protectedFirstLevels: RoomGrants.protectedFirstLevels)
        server = Self.server(&settings)
        server.webDirectory = dashboardsDirectory + "/web"
        mqtt = Self.mqtt(&settings, routes: routes)
        try settings.finish()
    }

    /// The settings in force, as YAML with the origin of each, secrets masked.
    package static func printed(_ sources: Sources) -> String {
        let settings = SettingsReader(file: sources.file, environment: sources.environment, flags: sources.flags)
        return ConfigurationOption.all.map { option in
            var value = settings.text(option) ?? ""
            if option.isSecret, !value.isEmpty { value = "********" }
            if option.key == ConfigurationOption.mqttURL.key { value = maskedPassword(in: value) }
            return "\(option.key): \(value.isEmpty ? "~" : value)  # \(settings.origin(of: option))"
        }.joined(separator: "\n")
    }

    /// Variables that begin like ours but are none of ours are mistakes worth telling.
    private static func isUnknown(variable name: String) -> Bool {
        guard name.hasPrefix("WINDSOCK_"), !toolVariables.contains(name) else { return false }
        return !ConfigurationOption.all.contains { $0.environmentName == name }
    }

    /// Read by the command line and the tests, not by the gateway.
    private static let toolVariables: Set<String> = ["WINDSOCK_CONFIG", "WINDSOCK_TOKEN", "WINDSOCK_SHARED_DATA"]

    private static func maskedPassword(in url: String) -> String {
        guard var components = URLComponents(string: url), components.password != nil else { return url }
        components.password = "********"
        return components.string ?? "********"
    }
}
