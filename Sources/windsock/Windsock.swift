import ArgumentParser
import Core

/// The command line: `windsock serve | demo | simulate | check | discover | token | tail | export | import`.
@main
struct Windsock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "windsock",
        abstract: "An IoT telemetry streaming gateway: MQTT in, live WebSocket rooms out.",
        discussion: """
            Exit codes: 0 success, 1 failure, 64 usage error, 69 a required resource is unavailable, \
            78 configuration error.
            """,
        version: WindsockVersion.text,
        subcommands: [
            Serve.self, Demo.self, Simulate.self, Check.self, Discover.self, Token.self, Tail.self, Export.self,
            Import.self,
        ])
}
