import ArgumentParser
import Core
import Foundation
import Gateway
import Logging
import Telemetry
import WebServer

/// The command `windsock token`, which signs a token with the gateway's secret.
struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a token signed with WINDSOCK_JWT_SECRET.",
        discussion: """
            Roles: viewer may read all readings; operator may also read all rooms, chat, notify, acknowledge alerts, \
            and share dashboards; admin may also publish to all rooms and users. --join, --publish, --notify and --share \
            add to the role.
            Examples: windsock token --user ann --role viewer --ttl 30d
                      windsock token --user ann --join 'sensors/#' --ttl 1h
            """)

    @Option(help: "The user of the token; 1 to 128 bytes without / + # or control characters.")
    var user: String

    @Option(help: "A set of grants: viewer, operator or admin.")
    var role: TokenRole?

    @Option(help: "A room or filter that the user may join, such as 'sensors/#'. Repeatable.")
    var join: [String] = []

    @Option(help: "A room or filter that the user may publish to. Repeatable.")
    var publish: [String] = []

    @Flag(help: "Allow sending notifications.")
    var notify = false

    @Flag(help: "Allow sharing dashboards whose rooms the user may join.")
    var share = false

    @Option(help: "The lifetime of the token, such as 30m, 1h or 7d.")
    var ttl = "1h"

    @OptionGroup var settings: SettingsOptions

    func run() async throws {
        try await Exit.reporting {
            let configuration = try GatewayConfiguration(try settings.sources())
            guard configuration.jwtSecret != nil else { throw TokenKeyError.noSecret }
            guard let user = UserID(user) else {
                throw ConfigurationError(
                    origin: "--user",
                    problem: "expected 1 to 128 bytes of NFC-normalized Unicode without / + # or control characters")
            }
            guard let lifetime = DurationText.parse(ttl), lifetime >= .seconds(1) else {
                throw ConfigurationError(
                    origin: "--ttl",
                    problem: "\"\(ttl)\" is not a valid duration; expected at least 1s, such as 30m, 1h or 7d")
            }
            var tokens = configuration.tokens
            // Signing does not need the keys of other issuers.
            tokens.keys = nil
            let authority = try await TokenAuthority(tokens, logger: SettingsOptions.logger(level: .warning))
            let grants = try role.map {
                try TokenGrants(role: $0, telemetryRoots: configuration.routes.telemetryRoots)
            }
            Console.print(
                try authority.issue(
                    user: user, join: (grants?.join ?? []) + (try Self.filters(join, "--join")),
                    publish: (grants?.publish ?? []) + (try Self.filters(publish, "--publish")),
                    notify: notify || grants?.canNotify == true, share: share || grants?.canShare == true,
                    lifetime: lifetime))
        }
    }

    /// Parses the values of a repeated option, each of which is a room or a filter. An error names the option, `flag`.
    static func filters(_ texts: [String], _ flag: String) throws -> [TopicFilter] {
        try texts.map { text in
            do {
                let filter = try TopicFilter(text)
                guard filter.shareGroup == nil else {
                    throw ConfigurationError(origin: flag, problem: "\"\(text)\" is not a valid room or room filter")
                }
                return filter
            } catch let error as ConfigurationError {
                throw error
            } catch {
                throw ConfigurationError(origin: flag, problem: "\(error)")
            }
        }
    }
}

/// A named set of grants, for `windsock token --role`.
enum TokenRole: String, CaseIterable, ExpressibleByArgument {
    case viewer
    case `operator`
    case admin
}

/// The grants of a role.
struct TokenGrants {
    let join: [TopicFilter]
    let publish: [TopicFilter]
    let canNotify: Bool
    let canShare: Bool

    /// - Parameter telemetryRoots: First levels of the rooms of readings, which the gateway's routes determine.
    init(role: TokenRole, telemetryRoots: Set<String>) throws(TopicError) {
        switch role {
        case .viewer:
            join = try telemetryRoots.sorted().map { root throws(TopicError) in try TopicFilter("\(root)/#") }
            publish = []
        case .operator:
            join = [try TopicFilter("#")]
            publish = [try TopicFilter("chat/#")]
        case .admin:
            join = [try TopicFilter("#")]
            publish = [try TopicFilter("#"), try TopicFilter("users/+")]
        }
        canNotify = role != .viewer
        canShare = role != .viewer
    }
}
