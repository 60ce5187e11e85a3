import Foundation
import Storage
import Testing

/// A file under its final name is always complete.
@Suite("Backup file")
struct BackupFileTests {
    private let fixture = StorageFixture()
    private let path: String

    init() throws {
        try FileManager.default.createDirectory(atPath: fixture.directory, withIntermediateDirectories: true)
        path = "\(fixture.directory)/backup.ndjson"
    }

    private func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    @Test("An existing file is kept until the new one is complete, and if that fails")
    func replacing() throws {
        try "earlier".write(toFile: path, atomically: true, encoding: .utf8)
        let failed = try BackupFile(path: path)
        try failed.write(Array("par".utf8))
        #expect(text(path) == "earlier")
        failed.discard()
        #expect(text(path) == "earlier" && text("\(path).partial") == nil)
        let file = try BackupFile(path: path)
        try file.write(Array("whole".utf8))
        try file.finish()
        #expect(text(path) == "whole" && text("\(path).partial") == nil)
    }

    @Test("A symbolic link is kept, and a device is written directly")
    func special() throws {
        let link = "\(fixture.directory)/link"
        try "earlier".write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        let file = try BackupFile(path: link)
        try file.write(Array("whole".utf8))
        try file.finish()
        #expect(text(path) == "whole")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == path)
        let device = try BackupFile(path: "/dev/null")
        try device.write([1])
        try device.finish()
        let type = try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type] as? FileAttributeType
        #expect(type == .typeCharacterSpecial)
    }

    @Test("An existing partial file is never written to: it may be a link or belong to another user")
    func prepared() throws {
        let other = "\(fixture.directory)/other"
        try "theirs".write(toFile: other, atomically: true, encoding: .utf8)
        try FileManager.default.createSymbolicLink(atPath: "\(path).partial", withDestinationPath: other)
        let file = try BackupFile(path: path)
        try file.write(Array("whole".utf8))
        try file.finish()
        #expect(text(other) == "theirs" && text(path) == "whole")

        try "open to all".write(toFile: "\(path).partial", atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: "\(path).partial")
        try BackupFile(path: path).finish()
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
        #expect(mode?.intValue == 0o600)
    }

    @Test("Of two exports to one file, the later one completes, and no partial file does")
    func twoExports() throws {
        let first = try BackupFile(path: path)
        try first.write(Array("first".utf8))
        let second = try BackupFile(path: path)
        try second.write(Array("sec".utf8))
        let error = #expect(throws: StorageError.self) { try first.finish() }
        #expect(error?.description.contains("another export is writing to it") == true)
        first.discard()
        #expect(text(path) == nil)
        try second.write(Array("ond".utf8))
        try second.finish()
        #expect(text(path) == "second")
    }

    @Test("A file that cannot be created is named")
    func unwritable() throws {
        let error = #expect(throws: StorageError.self) { try BackupFile(path: "/proc/none/backup") }
        #expect(error?.description.contains("/proc/none/backup") == true)
    }
}
