import GRDB
import Telemetry
import Testing

@testable import Storage

/// State in memory follows the transaction, however that ends.
@Suite("The end of a transaction")
final class TransactionEndTests {
    /// The ways in which a transaction fails.
    enum Failure: CaseIterable {
        /// The work throws.
        case work
        /// `COMMIT` fails: the changes violate a deferred constraint.
        case commit
        /// SQLite rolls the transaction back on its own, as it does when the disk is full.
        case automatic

        /// Makes the current transaction fail.
        func cause(in transaction: StorageTransaction) throws {
            switch self {
            case .work: throw CancellationError()
            case .commit: try transaction.run("INSERT INTO child VALUES (1)")
            case .automatic: try transaction.run("INSERT INTO parent VALUES (-1)")
            }
        }
    }

    private let fixture = StorageFixture()
    private let database: Storage.Database
    private var ends: [String] = []

    init() throws {
        database = try fixture.open()
        try database.write { transaction in
            try transaction.run("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
            try transaction.run(
                "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")
            try transaction.run(
                """
                CREATE TRIGGER no_parent BEFORE INSERT ON parent WHEN NEW.id < 0
                BEGIN SELECT RAISE(ROLLBACK, 'rolled back'); END
                """)
        }
    }

    private func note(_ name: String, in transaction: StorageTransaction) {
        transaction.onEnd { self.ends.append("\(name) \($0 ? "committed" : "rolled back")") }
    }

    private var parents: [Int] {
        get throws { try database.read { try Int.fetchAll($0.database, sql: "SELECT id FROM parent ORDER BY id") } }
    }

    @Test("After a commit the handlers are called once, in order, before the write returns")
    func committed() throws {
        try database.write { transaction in
            note("a", in: transaction)
            note("b", in: transaction)
            #expect(ends.isEmpty)
        }
        #expect(ends == ["a committed", "b committed"])
        try database.write { _ in }
        #expect(ends.count == 2)
    }

    @Test("However a transaction fails, the handlers are called once, the latest first", arguments: Failure.allCases)
    func failed(_ failure: Failure) throws {
        #expect(throws: (any Error).self) {
            try database.write { transaction in
                note("a", in: transaction)
                note("b", in: transaction)
                try transaction.run("INSERT INTO parent VALUES (7)")
                try failure.cause(in: transaction)
            }
        }
        #expect(ends == ["b rolled back", "a rolled back"])
        #expect(try parents == [])
        try database.write { try $0.run("INSERT INTO parent VALUES (8)") }
        #expect(ends.count == 2, "the next transaction is not theirs")
    }

    @Test("A savepoint that is rolled back calls its handlers at once, and leaves the others to the transaction")
    func savepoint() throws {
        try database.write { transaction in
            note("outer", in: transaction)
            try transaction.savepoint {
                note("kept", in: transaction)
                try transaction.run("INSERT INTO parent VALUES (1)")
            }
            try? transaction.savepoint {
                note("a", in: transaction)
                try? transaction.savepoint {
                    note("b", in: transaction)
                    throw CancellationError()
                }
                #expect(ends == ["b rolled back"])
                note("c", in: transaction)
                try transaction.run("INSERT INTO parent VALUES (2)")
                throw CancellationError()
            }
            #expect(ends == ["b rolled back", "c rolled back", "a rolled back"])
        }
        #expect(ends.suffix(2) == ["outer committed", "kept committed"] && ends.count == 5)
        #expect(try parents == [1])
    }

    @Test("A savepoint is lost with its transaction", arguments: Failure.allCases)
    func failedAroundSavepoint(_ failure: Failure) throws {
        #expect(throws: (any Error).self) {
            try database.write { transaction in
                try transaction.savepoint { note("inner", in: transaction) }
                try transaction.savepoint {
                    note("failing", in: transaction)
                    try failure.cause(in: transaction)
                }
            }
        }
        #expect(ends == ["failing rolled back", "inner rolled back"])
    }

    @Test(
        "The cache of series forgets what a failed transaction or savepoint has added",
        arguments: Failure.allCases, [false, true])
    func seriesCache(_ failure: Failure, inSavepoint: Bool) throws {
        let store = ReadingStore()
        let device = try #require(DeviceID("d"))
        let reading = Reading(
            device: device, room: "sensors/d", metrics: [Metric(name: "t", value: 1)], time: at(1), receivedAt: at(1))
        #expect(throws: (any Error).self) {
            try database.write { transaction in
                if inSavepoint {
                    try transaction.savepoint {
                        _ = try store.append([reading], in: transaction)
                        try failure.cause(in: transaction)
                    }
                }
                _ = try store.append([reading], in: transaction)
                try failure.cause(in: transaction)
            }
        }
        _ = try database.write { try store.append([reading], in: $0) }
        let count = try database.read { snapshot in
            try Int.fetchOne(
                snapshot.database, sql: "SELECT count(*) FROM reading JOIN series ON series.id = reading.series_id")
        }
        #expect(count == 1)
    }
}
