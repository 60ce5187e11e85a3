import GRDB
import Testing

@testable import Storage

@Suite("Durability")
struct DurabilityTests {
    @Test("Each durability maps to its SQLite setting", arguments: [(Durability.full, 2), (.normal, 1), (.off, 0)])
    func settings(durability: Durability, expected: Int) throws {
        let fixture = StorageFixture()
        let database = try Storage.Database(directory: fixture.directory, durability: durability)
        let value = try database.write { try Int.fetchOne($0.database, sql: "PRAGMA synchronous") }
        #expect(value == expected)
    }

    @Test("A WAL that a reader kept from being truncated is truncated to its limit afterwards")
    func logSize() throws {
        let fixture = StorageFixture()
        let database = try Storage.Database(directory: fixture.directory)
        let limit = try database.write { try Int.fetchOne($0.database, sql: "PRAGMA journal_size_limit") }
        #expect(limit == 64 << 20)
    }
}
