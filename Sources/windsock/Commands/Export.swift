import ArgumentParser
import Core
import Foundation
import Gateway
import Storage

/// The command `windsock export`, which writes all stored data as NDJSON. It can be used while a gateway is running.
struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Export all stored data as NDJSON to standard output or a file.",
        discussion: """
            Safe while a gateway of the same version is running. The file name ends in .partial until the export is \
            complete. Restore it with windsock import.
            """)

    @Option(help: "The file to write; default: standard output.")
    var output: String?

    @Option(help: "Only readings at or after this time (RFC 3339), such as 2026-11-01T00:00:00Z.")
    var from: String?

    @Option(help: "Only readings before this time (RFC 3339).")
    var to: String?

    @OptionGroup var settings: SettingsOptions

    func run() async throws {
        try await Exit.reporting {
            let directory = try GatewayConfiguration(try settings.sources()).dataDirectory
            let start = try Self.instant(from, "--from") ?? Timestamp(nanosecondsSinceEpoch: .min)
            let end = try Self.instant(to, "--to") ?? Timestamp(nanosecondsSinceEpoch: .max)
            guard start < end else { throw ValidationError("--from must be before --to.") }
            let database = try Database(readingBesideGatewayIn: directory)
            defer { try? database.close() }
            let totals = try write(database, start..<end)
            Console.error("Exported \(totals.values) values and \(totals.rows) other rows.")
        }
    }

    private func write(_ database: Database, _ range: Range<Timestamp>) throws -> BackupTotals {
        let now = SystemWallClock().now()
        guard let output else {
            return try database.export(readingsIn: range, at: now) {
                try FileHandle.standardOutput.write(contentsOf: Data($0))
            }
        }
        let file = try BackupFile(path: output)
        do {
            let totals = try database.export(readingsIn: range, at: now, to: file.write)
            try file.finish()
            return totals
        } catch {
            file.discard()
            throw error
        }
    }

    private static func instant(_ text: String?, _ name: String) throws -> Timestamp? {
        guard let text else { return nil }
        guard let instant = Timestamp(iso8601: text) else {
            throw ValidationError("\(name) is \"\(text)\"; expected a time such as 2026-11-01T00:00:00Z.")
        }
        return instant
    }
}
