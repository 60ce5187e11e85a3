import Core
import Dispatch
import Foundation
import GRDB
import Storage
import Testing

@Suite("Database file")
struct DatabaseFileTests {
    let fixture = StorageFixture()

    @Test("A file that is not a database is rejected by name and left unchanged")
    func damaged() throws {
        try FileManager.default.createDirectory(atPath: fixture.directory, withIntermediateDirectories: true)
        let content = Data(repeating: UInt8(ascii: "x"), count: 5000)
        try content.write(to: URL(filePath: fixture.file))
        let error = #expect(throws: StorageError.self) { try fixture.open() }
        #expect(error == .notOpened(file: fixture.file, .damaged))
        #expect(try Data(contentsOf: URL(filePath: fixture.file)) == content)
    }

    @Test("A database of a newer version is rejected")
    func newer() throws {
        try fixture.open().close()
        let file = try DatabaseQueue(path: fixture.file)
        try file.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('of a later version')") }
        try file.close()
        let error = #expect(throws: StorageError.self) { try fixture.open() }
        #expect(error == .notOpened(file: fixture.file, .newer))
    }

    @Test("Damage in the middle of the file is detected at start-up, and the file is left unchanged")
    func damagedInside() throws {
        let database = try fixture.open()
        try database.write { transaction in for number in 1...2000 { try transaction.say(number, in: "a") } }
        try database.close()
        let file = URL(filePath: fixture.file)
        var content = try Data(contentsOf: file)
        // A page in the middle: the first page, which holds the schema, stays intact.
        content.replaceSubrange(40_960..<45_056, with: Data(repeating: 0xAB, count: 4096))
        try content.write(to: file)
        let error = #expect(throws: StorageError.self) { try fixture.open() }
        #expect(error == .notOpened(file: fixture.file, .damaged))
        #expect(try Data(contentsOf: file) == content)
    }

    @Test("Only the owner may read the files, also in a directory that others may read")
    func permissions() throws {
        try FileManager.default.createDirectory(
            atPath: fixture.directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let database = try fixture.open()
        _ = try database.write { try $0.say(1, in: "a") }
        for file in try FileManager.default.contentsOfDirectory(atPath: fixture.directory) {
            let mode = try FileManager.default.attributesOfItem(atPath: "\(fixture.directory)/\(file)")[
                .posixPermissions]
            #expect(mode as? Int == 0o600, "\(file)")
        }
    }

    @Test("Writes fail while the file is removed or replaced, and work again once it is restored")
    func removed() throws {
        let database = try fixture.open()
        _ = try database.write { try $0.say(1, in: "a") }
        let aside = "\(fixture.directory)/aside"
        for replacement in [nil, Data("another".utf8)] {
            try FileManager.default.moveItem(atPath: fixture.file, toPath: aside)
            if let replacement { try replacement.write(to: URL(filePath: fixture.file)) }
            #expect(!database.isInPlace)
            do {
                _ = try database.write { try $0.say(2, in: "a") }
                Issue.record("the write succeeded")
            } catch {
                let failure = StorageError(error)
                #expect(failure.isStorageAtFault && failure.description.contains(fixture.file))
            }
            try? FileManager.default.removeItem(atPath: fixture.file)
            try FileManager.default.moveItem(atPath: aside, toPath: fixture.file)
            #expect(database.isInPlace)
            _ = try database.write { try $0.say(3, in: "a") }
        }
        try FileManager.default.removeItem(atPath: "\(fixture.file)-wal")
        #expect(!database.isInPlace, "the WAL holds committed data")
    }

    @Test("A gateway and tools that create the database at the same time use the same complete one", arguments: 1...5)
    func madeTogether(round: Int) throws {
        let epochs = Lock<[String]>([])
        let failures = Lock<[String]>([])
        let directory = fixture.directory
        DispatchQueue.concurrentPerform(iterations: 6) { number in
            do {
                let database =
                    try number == 0
                    ? Storage.Database(directory: directory) : Storage.Database(writingBesideGatewayIn: directory)
                _ = try database.write { try $0.say(number, in: "a") }
                epochs.withLock { $0.append(database.epoch) }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        #expect(Set(epochs.withLock { $0 }).count == 1)
        let files = try FileManager.default.contentsOfDirectory(atPath: fixture.directory)
        #expect(!files.contains { $0.hasSuffix(".new") }, "\(files)")
    }

    @Test("A dangling symbolic link is rejected, because the file would get another mode")
    func danglingLink() throws {
        try Storage.Database.makeDirectory(fixture.directory)
        let target = "\(fixture.directory)/elsewhere"
        try FileManager.default.createSymbolicLink(atPath: fixture.file, withDestinationPath: target)
        let error = #expect(throws: StorageError.self) { try fixture.open() }
        #expect(error?.description.contains("symbolic link") == true)
        #expect(throws: StorageError.self) { try Storage.Database(writingBesideGatewayIn: fixture.directory) }
        #expect(!FileManager.default.fileExists(atPath: target))
    }

    @Test("Old drafts of killed processes are removed, and recent ones are kept")
    func drafts() throws {
        try Storage.Database.makeDirectory(fixture.directory)
        let old = [".new", ".new-journal"].map { "\(fixture.file).\(UUID().uuidString)\($0)" }
        let copies = ["newest", "new", "2026.new", "\(UUID().uuidString).newer"].map { "\(fixture.file).\($0)" }
        let young = "\(fixture.file).\(UUID().uuidString).new"
        for path in old + copies + [young] { try Data("draft".utf8).write(to: URL(filePath: path)) }
        for path in old + copies {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: path)
        }
        _ = try fixture.open()
        #expect(old.allSatisfy { !FileManager.default.fileExists(atPath: $0) })
        #expect(
            (copies + [young]).allSatisfy { FileManager.default.fileExists(atPath: $0) },
            "other files and recent drafts")
    }

    @Test("A database that must exist is not created")
    func missing() throws {
        let error = #expect(throws: StorageError.self) {
            try Storage.Database(readingBesideGatewayIn: fixture.directory)
        }
        #expect(error == .notOpened(file: fixture.file, .missing))
        #expect(!FileManager.default.fileExists(atPath: fixture.file))
    }

    @Test("A directory that cannot be created is named")
    func unusable() throws {
        let error = #expect(throws: StorageError.self) { try Storage.Database(directory: "/proc/windsock") }
        #expect(error?.description.hasPrefix("The database /proc/windsock cannot be used: ") == true)
    }

    @Test("After closing, all data is in the database file")
    func closed() throws {
        let database = try fixture.open()
        try database.write { _ = try $0.say(1, in: "a") }
        try database.close()
        let log = try? FileManager.default.attributesOfItem(atPath: "\(fixture.file)-wal")[.size] as? Int
        #expect((log ?? 0) == 0)
        let copy = StorageFixture()
        try FileManager.default.createDirectory(atPath: copy.directory, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: fixture.file, toPath: copy.file)
        #expect(try copy.open().read { try $0.lastOffset(of: "a") } == 1)
    }

    @Test("A tool closes without waiting for readers and without blocking others")
    func toolsClose() throws {
        let gateway = try fixture.open()
        try gateway.write { _ = try $0.say(1, in: "a") }
        let reading = try Storage.Database(readingBesideGatewayIn: fixture.directory)
        let writing = try Storage.Database(writingBesideGatewayIn: fixture.directory)
        try writing.write { _ = try $0.say(2, in: "a") }
        try gateway.read { snapshot throws in
            #expect(try snapshot.lastOffset(of: "a") == 2)
            // The WAL cannot be truncated now: waiting for it would fail.
            try writing.write { _ = try $0.say(3, in: "a") }
            try reading.close()
            try writing.close()
        }
        #expect(try gateway.write { try $0.say(4, in: "a") } == 4)
    }

    @Test("A writing tool without a gateway leaves all data in the database file")
    func toolAlone() throws {
        let tool = try Storage.Database(writingBesideGatewayIn: fixture.directory)
        try tool.write { _ = try $0.say(1, in: "a") }
        try tool.close()
        let copy = StorageFixture()
        try FileManager.default.createDirectory(atPath: copy.directory, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: fixture.file, toPath: copy.file)
        #expect(try copy.open().read { try $0.lastOffset(of: "a") } == 1)
    }

    @Test("A tool does not migrate an older database, and says what to do")
    func older() throws {
        try fixture.open().close()
        let file = try DatabaseQueue(path: fixture.file)
        try file.write {
            try $0.execute(
                sql: "DROP TABLE alert; DROP TABLE alert_silence; DROP TABLE webhook_event;"
                    + "DELETE FROM grdb_migrations WHERE identifier = 'alerts'")
        }
        for open in [
            { try Storage.Database(readingBesideGatewayIn: fixture.directory) },
            { try Storage.Database(writingBesideGatewayIn: fixture.directory) },
        ] {
            let error = #expect(throws: StorageError.self) { try open() }
            #expect(error == .notOpened(file: fixture.file, .older))
            #expect(error?.description.contains("start a gateway of this version first") == true)
        }
        #expect(try file.read { try !$0.tableExists("alert") })
        try file.close()
        // Opening the database as a gateway migrates it.
        try fixture.open().close()
        try Storage.Database(readingBesideGatewayIn: fixture.directory).close()
    }

    @Test("Two databases have different epochs")
    func epochs() throws {
        let other = StorageFixture()
        #expect(try fixture.open().epoch != other.open().epoch)
    }
}
