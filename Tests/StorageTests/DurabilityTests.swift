import GRDB
import Testing

@testable import Storage

@Suite("Durability")
struct DurabilityTests {
    @Test("Each word is SQLite's setting for it", arguments: [(Durability.full, 2), (.normal, 1), (.off, 0)])
    func settings(durability: Durability, expected: Int) throws {
        let fixture = StorageFixture()
        let database = try Storage.Database(directory: fixture.directory, durability: durability)
        let value = try database.write { try Int.fetchOne($0.database, sql: "PRAGMA synchronous") }
        #expect(value == expected)
    }

    @Test("After something has kept the log from being emptied, its file is cut to its limit again")
    func logSize() throws {
        let fixture = StorageFixture()
        let database = try Storage.Database(directory: fixture.directory)
        let limit = try database.write { try Int.fetchOne($0.database, sql: "PRAGMA journal_size_limit") }
        #expect(limit == 64 << 20)
    }
}
