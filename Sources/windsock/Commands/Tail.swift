import ArgumentParser
import Foundation
import Gateway
import Telemetry
import WebServer
import WebSocketClient

/// `windsock tail`: prints readings as they arrive.
struct Tail: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the readings of rooms as they arrive.",
        discussion: """
            The token is --token, WINDSOCK_TOKEN, or one that is signed with WINDSOCK_JWT_SECRET for this call.
            Example: windsock tail 'sensors/#' --json | jq .data
            """)

    @Argument(help: "Rooms or filters, such as 'sensors/#'.")
    var filters: [String]

    @Option(help: "The gateway's WebSocket address.")
    var url = "ws://127.0.0.1:8080/ws"

    @Option(help: "The token to show; better WINDSOCK_TOKEN, which other users of the machine do not see.")
    var token: String?

    @Option(help: "Certificates that a wss:// address is trusted by, PEM; the system's when not given.")
    var caFile: String?

    @Flag(help: "One JSON object a line, for pipes.")
    var json = false

    func run() async throws {
        try await Exit.reporting {
            Signals.ignoreStrays()
            let filters = try Token.filters(self.filters, "FILTER")
            let session = TailSession(
                url: url, token: try await token(for: filters), filters: filters, caFile: caFile,
                printer: ReadingPrinter(json: json))
            try await session.run()
        }
    }

    private func token(for filters: [TopicFilter]) async throws -> String {
        let environment = ProcessInfo.processInfo.environment
        if let token = token ?? environment["WINDSOCK_TOKEN"] { return token }
        guard let secret = environment["WINDSOCK_JWT_SECRET"] else {
            throw ConfigurationError(
                origin: "--token", problem: "A token is needed: --token, WINDSOCK_TOKEN or WINDSOCK_JWT_SECRET.")
        }
        return try await TokenAuthority(secret: secret).issue(user: "tail", join: filters, lifetime: .seconds(86_400))
    }
}
