import ArgumentParser
import Core
import Foundation
import Gateway
import Storage

/// The command `windsock import`, which restores the output of `windsock export`. It can be used while a gateway is
/// running.
struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Import a file written by windsock export.",
        discussion: """
            Safe while a gateway of the same version is running, and repeatable: existing rows are left unchanged. Rooms \
            that already have a history keep it; readings older than readings.age are skipped. A truncated export is \
            imported as far as it goes and ends with an error.
            """)

    @Argument(help: "The file to read; default, or for -: standard input.")
    var file: String?

    @OptionGroup var settings: SettingsOptions

    /// The number of bytes read at once.
    private static let chunkSize = 1 << 20
    /// The maximum length of a line, in bytes. The lines of an export are shorter.
    private static let maxLineBytes = 1 << 24

    func run() async throws {
        try await Exit.reporting {
            let gateway = try GatewayConfiguration(try settings.sources())
            let input = try open()
            let database = try Database(writingBesideGatewayIn: gateway.dataDirectory)
            defer { try? database.close() }
            let now = SystemWallClock().now()
            var backup = try BackupImport(into: database, at: now, oldest: gateway.storage.retention.cutoff(at: now))
            // Imported lines are kept even when a later one fails, so report them in any case.
            defer { Self.report(backup.totals) }
            try Self.read(input, into: &backup)
        }
    }

    private static func report(_ totals: BackupTotals) {
        var parts = ["\(totals.skipped) already existed"]
        if totals.outdated > 0 {
            parts.append("\(totals.outdated) values older than readings.age were skipped")
        }
        Console.error(
            "Imported \(totals.values) values and \(totals.rows) other rows; \(parts.joined(separator: "; ")).")
    }

    private func open() throws -> FileHandle {
        guard let file, file != "-" else { return .standardInput }
        guard let handle = FileHandle(forReadingAtPath: file) else {
            throw Unavailable(description: "The file \(file) cannot be read.")
        }
        return handle
    }

    private static func read(_ input: FileHandle, into backup: inout BackupImport) throws {
        var rest: [UInt8] = []
        while let chunk = try input.read(upToCount: chunkSize), !chunk.isEmpty {
            rest += chunk
            var start = rest.startIndex
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                try backup.take(rest[start..<end])
                start = end + 1
            }
            rest.removeSubrange(..<start)
            guard rest.count <= maxLineBytes else {
                throw Unavailable(description: "A line has more than \(maxLineBytes) bytes; this is not an export.")
            }
        }
        try backup.take(rest)
        try backup.finish()
    }
}
