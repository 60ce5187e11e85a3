import ArgumentParser
import Foundation
import Gateway
import Storage
import Telemetry

/// `windsock import`: takes back what `windsock export` wrote, beside a gateway that serves.
struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take back what windsock export wrote.",
        discussion: """
            Safe while a gateway serves, and repeatable: what is there already is left as it is. Rooms that have a \
            history of their own keep it.
            """)

    @Argument(help: "The file to read; standard input when none is named or it is -.")
    var file: String?

    @OptionGroup var settings: SettingsOptions

    /// Bytes read at once.
    private static let chunkSize = 1 << 20
    /// A line of more than that is none of an export.
    private static let maxLineBytes = 1 << 24

    func run() async throws {
        try await Exit.reporting {
            let directory = try GatewayConfiguration(try settings.sources()).dataDirectory
            let input = try open()
            let database = try Database(directory: directory)
            defer { try? database.close() }
            var backup = try BackupImport(into: database, at: SystemWallClock().now())
            try Self.read(input, into: &backup)
            let totals = backup.totals
            Console.error(
                "Imported \(totals.values) values and \(totals.rows) other rows; \(totals.skipped) were there already.")
        }
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
                throw Unavailable(description: "A line has more than \(maxLineBytes) bytes: this is not an export.")
            }
        }
        try backup.take(rest)
        try backup.flush()
    }
}
