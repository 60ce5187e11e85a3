import Foundation
import GRDB

/// What was received of a broker at QoS 1, batch by batch: what makes a redelivery recognisable after a restart.
extension StorageTransaction {
    /// Adds the deliveries of one batch.
    ///
    /// - Parameters:
    ///   - clientID: whose session at the broker it is.
    ///   - number: of the batch; grows.
    ///   - entries: in the service's own form.
    package func addDeliveries(of clientID: String, number: Int64, entries: [UInt8]) throws {
        try run(
            "INSERT OR REPLACE INTO delivery (client_id, number, entries) VALUES (?, ?, ?)",
            [clientID, number, Data(entries)])
    }

    /// Forgets the batches up to that one.
    package func removeDeliveries(of clientID: String, through number: Int64) throws {
        try run("DELETE FROM delivery WHERE client_id = ? AND number <= ?", [clientID, number])
    }
}

extension StorageSnapshot {
    /// The batches of deliveries that are remembered, the oldest first.
    package func deliveries(of clientID: String) throws -> [(number: Int64, entries: [UInt8])] {
        try rows("SELECT number, entries FROM delivery WHERE client_id = ? ORDER BY number", [clientID]).map { row in
            (try row.value(0), try row.withUnsafeData(atIndex: 1) { $0.map(Array.init) ?? [] })
        }
    }
}
