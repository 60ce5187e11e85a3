package import Core
import CoreMetrics
package import Logging
import MQTTTransport
import OTLP
import Realtime
package import Storage
package import Tracing

/// A store that writes a decoded batch in one transaction: readings, alert transitions, dead letters, and the log of
/// deliveries by which redeliveries are recognized.
///
///     RedeliveryFilter ──▶ new messages ──▶ [ readings │ alerts │ dead letters │ deliveries ] ──▶ all or nothing
///
/// Called on the MQTT client's thread only, but thread-safe.
package final class IngestStore: Sendable {
    /// The store's limits, and the MQTT client whose deliveries it logs.
    package struct Configuration: Sendable {
        /// The MQTT client ID that the stored deliveries belong to.
        package var clientID: String
        /// The most unacknowledged QoS 1 messages, as announced to the broker.
        package var receiveMaximum: Int
        /// The number of deliveries to remember: the receive maximum, but at least 16,384 and at most 50,000.
        ///
        /// The lower limit exists because some brokers restart their count of unacknowledged messages when a client
        /// reconnects. They may then have several times the receive maximum unacknowledged. The upper limit exists
        /// because ``RedeliveryFilter`` may exceed its capacity by a quarter. It must not reach 65,535, the number of
        /// packet IDs, or one ID could stand for two messages.
        var deliveryCapacity: Int { min(max(receiveMaximum, 16_384), Self.maxReceiveMaximum) }
        /// The largest receive maximum with which redeliveries are recognized.
        package static let maxReceiveMaximum = 50_000
        /// The most dead letters to keep. Beyond it, those whose last occurrence is the oldest are deleted.
        package var maxDeadLetters: Int

        package init(clientID: String, receiveMaximum: Int = 1000, maxDeadLetters: Int = 1000) {
            self.clientID = clientID
            self.receiveMaximum = receiveMaximum
            self.maxDeadLetters = maxDeadLetters
        }
    }

    private struct State {
        /// The log of deliveries. It is `nil` when it must be read from the database: at the start, and after a
        /// transaction whose outcome is unknown.
        var deliveries: RedeliveryFilter?
        /// True when the broker has started a new session and the deliveries of the old one are not removed yet.
        var mustRemoveDeliveries = false
    }

    /// The reason of dead letters for messages that the database rejected.
    static let notStorable = "not_storable"
    private let configuration: Configuration
    private let writer: DatabaseWriter
    private let database: Database
    private let readings: ReadingStore
    private let alerts: AlertService?
    private let metrics: IngestMetrics
    private let tracer: any Tracer
    private let clock: any WallClock
    private let refusals: RateLimitedLogger
    private let state = Lock(State())

    /// - Parameters:
    ///   - writer: Writes to `database`.
    ///   - alerts: Evaluates its rules in every transaction with readings.
    ///   - tracer: Creates the spans of commits with sampled readings.
    package init(
        configuration: Configuration, writer: DatabaseWriter, database: Database, readings: ReadingStore,
        alerts: AlertService? = nil, metrics: IngestMetrics, tracer: any Tracer,
        clock: any WallClock = SystemWallClock(), logger: Logger
    ) {
        self.configuration = configuration
        self.writer = writer
        self.database = database
        self.readings = readings
        self.alerts = alerts
        self.metrics = metrics
        self.tracer = tracer
        self.clock = clock
        self.refusals = RateLimitedLogger(logger, interval: .seconds(60))
    }

    // MARK: Deliveries

    /// Forgets all deliveries, because the broker has started a new session: packet IDs restart, and nothing from
    /// before is redelivered.
    ///
    /// They are removed at once rather than with the next batch. After a crash in between, the broker would resume the
    /// new session, and its first messages could match old entries. If the removal fails, no batch is accepted until it
    /// succeeds.
    ///
    /// - Throws: The error of the database when the deliveries cannot be removed.
    func sessionStarted() throws {
        try state.withLock { state in
            state.mustRemoveDeliveries = true
            try removeDeliveries(&state)
        }
    }

    private func removeDeliveries(_ state: inout State) throws {
        state.deliveries = nil
        try writer.commit { transaction in
            try transaction.removeDeliveries(of: configuration.clientID, through: .max)
            return DatabaseWriter.Effect(())
        }
        state.deliveries = RedeliveryFilter(capacity: configuration.deliveryCapacity)
        state.mustRemoveDeliveries = false
    }

    /// Returns the messages of a batch that were not ingested before.
    ///
    /// - Throws: The error of the database when deliveries cannot be read, or those of an earlier session cannot be
    ///   removed.
    func newMessages(of batch: MQTTBatch) throws -> [MQTTMessage] {
        try state.withLock { state in
            if state.mustRemoveDeliveries { try removeDeliveries(&state) }
            try load(&state)
            if batch.isFirstAfterConnect, batch.sessionPresent { state.deliveries?.resume() }
            let fresh = batch.messages.filter { state.deliveries?.isRepeated($0) != true }
            let repeated = batch.messages.count - fresh.count
            if repeated > 0 { metrics.repeated.increment(by: repeated) }
            return fresh
        }
    }

    private func load(_ state: inout State) throws {
        guard state.deliveries == nil else { return }
        let stored = try database.read { try $0.deliveries(of: configuration.clientID) }
        state.deliveries = RedeliveryFilter(capacity: configuration.deliveryCapacity, stored: stored)
    }

    // MARK: Committing

    /// Stores the items, publishes them, and then publishes the alerts they raised, so that no alert overtakes its
    /// reading.
    ///
    /// - Parameter publish: Called after the commit with its times; `nil` when there was nothing to store.
    /// - Throws: The error that made the transaction fail. Nothing is stored then.
    func commit(
        _ items: ArraySlice<IngestItem>, receivedAt: Timestamp, publish: (CommitTimes?) -> Void
    ) throws {
        let batch = StoredBatch(items, at: receivedAt)
        guard !batch.isEmpty else { return publish(nil) }
        let start = clock.now()
        let tracing = CommitTracing(batch.sampledParents, requestCount: batch.readings.count, tracer: tracer, at: start)
        do {
            let result = try write(batch) {
                let end = clock.now()
                tracing.finish(at: end)
                publish(CommitTimes(startedAt: start, endedAt: end))
            }
            if result.refusedCount > 0 { refused(result.refusedCount, at: clock.now()) }
        } catch {
            tracing.finish(error, at: clock.now())
            throw error
        }
    }

    /// Counts values that are shown live but not stored, and logs them at a limited rate, because a device that keeps
    /// inventing metric names causes many per second.
    private func refused(_ count: Int, at now: Timestamp) {
        metrics.refusedValues.increment(by: count)
        refusals.warning(
            "Values are shown but not stored because there are too many series",
            metadata: ["of_a_device": "\(ReadingStore.maxDeviceSeries)", "setting": "limits.series"], at: now)
    }

    /// Stores a dead letter for a message that the database rejected.
    func storeRejected(_ item: IngestItem, _ failure: StorageError, receivedAt: Timestamp) throws {
        var batch = StoredBatch([], at: receivedAt)
        batch.addRejected(
            item, reason: Self.notStorable, detail: "the database rejected it: \(failure)", at: receivedAt)
        _ = try write(batch)
    }

    private func write(_ batch: StoredBatch, publish: () -> Void = {}) throws -> ReadingStore.AppendResult {
        let change = try state.withLock { state in
            try load(&state)
            return batch.deliveries.isEmpty ? nil : state.deliveries?.change(adding: batch.deliveries)
        }
        do {
            let result = try writer.commit { transaction in
                let appended = try readings.append(batch.readings.lazy.map(\.reading), in: transaction)
                let messages = try alerts?.evaluate(batch.readings, in: transaction) ?? []
                for letter in batch.deadLetters {
                    try transaction.add(letter, maxCount: configuration.maxDeadLetters)
                }
                if let change { try transaction.store(change, of: configuration.clientID) }
                return DatabaseWriter.Effect(appended, messages: messages)
            } publish: {
                publish()
            }
            if let change { state.withLock { $0.deliveries?.committed(change) } }
            return result
        } catch {
            // After a storage failure it is unknown whether the transaction was committed, so the log is read from the
            // database again. The MQTT connection is dropped too, so all redeliveries are compared with that log. A
            // transaction rejected for its content was certainly not committed.
            if StorageError(error).isStorageAtFault { state.withLock { $0.deliveries = nil } }
            throw error
        }
    }
}

extension StorageTransaction {
    /// Stores a batch's changes to the delivery log.
    fileprivate func store(_ change: RedeliveryFilter.Change, of clientID: String) throws {
        if let obsolete = change.obsolete { try removeDeliveries(of: clientID, through: obsolete) }
        for (number, entries) in change.batches {
            try addDeliveries(of: clientID, number: number, entries: RedeliveryFilter.bytes(entries))
        }
    }
}
