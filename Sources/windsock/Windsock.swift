import ArgumentParser
import Core

/// The command line: `windsock init | serve | demo | simulate | check | discover | token | tail | export | import`.
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
            Init.self, Serve.self, Demo.self, Simulate.self, Check.self, Discover.self, Token.self, Tail.self,
            Export.self,
            Import.self,
        ])

    static func main() async {
        if let problem = unknownCommand(CommandLine.arguments.dropFirst().first) {
            exit(withError: Exit.fail(problem, .validationFailure))
        }
        await main(nil)
    }

    /// Returns the problem with the first argument if it is neither a command nor an option. The argument parser would
    /// call it an unexpected argument, without saying what is expected.
    private static func unknownCommand(_ argument: String?) -> String? {
        let names = configuration.subcommands.map { $0.configuration.commandName ?? "\($0)".lowercased() }
        guard let argument, !argument.hasPrefix("-"), argument != "help", !names.contains(argument) else { return nil }
        let hint = EditDistance.hint(for: argument, among: names).map { "\($0) " } ?? ""
        return "unknown command \(Excerpt(of: argument)); \(hint)allowed: \(names.joined(separator: ", "))"
    }
}
