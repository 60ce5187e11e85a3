import ArgumentParser
import Core
import Telemetry

/// The command line: `windsock serve | demo | simulate | check | token | tail | export | import`.
@main
struct Windsock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "windsock",
        abstract: "An IoT telemetry streaming gateway: MQTT in, live WebSocket rooms out.",
        discussion: """
            Exit codes: 0 done, 1 failed, 64 wrong usage, 69 something needed is not available, \
            78 wrong configuration.
            """,
        version: WindsockVersion.text,
        subcommands: [
            Serve.self, Demo.self, Simulate.self, Check.self, Token.self, Tail.self, Export.self, Import.self,
        ])
}
