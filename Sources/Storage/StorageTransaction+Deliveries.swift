import Foundation
import GRDB

/// Messages received from a broker at QoS 1, stored batch by batch. They identify redeliveries after a restart.
extension StorageTransaction {
    /// Stores the deliveries of one batch.
    ///
    /// - Parameters:
    ///   - clientID: The client id of the session at the broker.
    ///   - number: The number of the batch; increases with each batch.
    ///   - entries: The deliveries, encoded by the service.
    package func addDeliveries(of clientID: String, number: Int64, entries: [UInt8]) throws {
        try run(
            "INSERT OR REPLACE INTO delivery (client_id, number, entries) VALUES (?, ?, ?)",
            [clientID, number, Data(entries)])
    }

    /// Deletes the batches up to and including `number`.
    package func removeDeliveries(of clientID: String, through number: Int64) throws {
        try run("DELETE FROM delivery WHERE client_id = ? AND number <= ?", [clientID, number])
    }
}

extension StorageSnapshot {
    /// Returns the stored batches of deliveries, oldest first.
    package func deliveries(of clientID: String) throws -> [(number: Int64, entries: [UInt8])] {
        try rows("SELECT number, entries FROM delivery WHERE client_id = ? ORDER BY number", [clientID]).map { row in
            (try row.value(0), try row.withUnsafeData(atIndex: 1) { $0.map(Array.init) ?? [] })
        }
    }
}
