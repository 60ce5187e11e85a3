import Core
import Testing

@testable import Gateway

/// Loads settings as the command line does, without files on disk.
enum SettingsFixture {
    /// Long enough for a signing secret.
    static let secret = "a-secret-of-more-than-thirty-two-bytes"

    static func sources(
        _ yaml: String? = nil, environment: [String: String] = [:], flags: [String: String] = [:]
    ) throws -> GatewayConfiguration.Sources {
        GatewayConfiguration.Sources(
            file: try yaml.map { try ConfigurationFile(path: "windsock.yaml", yaml: $0) }, environment: environment,
            flags: flags)
    }

    static func load(
        _ yaml: String? = nil, environment: [String: String] = [:], flags: [String: String] = [:]
    ) throws -> GatewayConfiguration {
        try GatewayConfiguration(try sources(yaml, environment: environment, flags: flags))
    }

    /// Returns the problems with the settings as shown to a user; empty when there are none.
    static func problems(
        _ yaml: String? = nil, environment: [String: String] = [:], flags: [String: String] = [:]
    ) -> [String] {
        do {
            _ = try load(yaml, environment: environment, flags: flags)
            return []
        } catch {
            return (error as? ConfigurationError)?.problems.map(\.description) ?? ["\(error)"]
        }
    }
}
