import ArgumentParser
import Foundation
import Gateway
import Storage
import Telemetry

/// `windsock export`: writes everything that is stored as lines of JSON, beside a gateway that serves.
struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write everything that is stored as NDJSON, to standard output or a file.",
        discussion: "Safe while a gateway serves. windsock import takes it back.")

    @Option(help: "The file to write; standard output when none is named.")
    var output: String?

    @Option(help: "Only readings from this time on: RFC 3339, such as 2026-11-01T00:00:00Z.")
    var from: String?

    @Option(help: "Only readings before this time.")
    var to: String?

    @OptionGroup var settings: SettingsOptions

    func run() async throws {
        try await Exit.reporting {
            let directory = try GatewayConfiguration(try settings.sources()).dataDirectory
            let start = try Self.instant(from, "--from") ?? Timestamp(nanosecondsSinceEpoch: .min)
            let end = try Self.instant(to, "--to") ?? Timestamp(nanosecondsSinceEpoch: .max)
            guard start < end else { throw ValidationError("--from must be before --to.") }
            let database = try Database(existingIn: directory)
            defer { try? database.close() }
            let file = try open()
            let totals = try database.export(readingsIn: start..<end, at: SystemWallClock().now()) {
                try file.write(contentsOf: Data($0))
            }
            if output != nil { try file.synchronize() }
            Console.error("Exported \(totals.values) values and \(totals.rows) other rows.")
        }
    }

    private func open() throws -> FileHandle {
        guard let output else { return .standardOutput }
        guard FileManager.default.createFile(atPath: output, contents: nil, attributes: [.posixPermissions: 0o600]),
            let file = FileHandle(forWritingAtPath: output)
        else { throw Unavailable(description: "The file \(output) cannot be written.") }
        return file
    }

    private static func instant(_ text: String?, _ name: String) throws -> Timestamp? {
        guard let text else { return nil }
        guard let instant = Timestamp(iso8601: text) else {
            throw ValidationError("\(name) must be a time such as 2026-11-01T00:00:00Z.")
        }
        return instant
    }
}
