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
}
