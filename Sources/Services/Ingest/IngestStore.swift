import Core
import CoreMetrics
package import Logging
import MQTTTransport
import OTLP
import Realtime
package import Storage
package import Telemetry
package import Tracing

/// Writes what a batch was decoded to, all of it in one transaction: readings, what they did to alerts, dead letters,
/// and the deliveries by which a redelivery is known.
///
///     DeliveryLog ──▶ what is new ──▶ [ readings │ alerts │ dead letters │ deliveries ] ──▶ committed, or nothing
///
/// Called on the MQTT client's thread only; thread-safe all the same.
package final class IngestStore: Sendable {
    /// What is kept, and of whom.
    package struct Configuration: Sendable {
        /// Whose deliveries these are.
        package var clientID: String
        /// The most QoS 1 messages that may be unacknowledged at once, as the broker is told.
        package var receiveMaximum: Int
        /// How many deliveries are remembered: more than the receive maximum, because brokers count anew when a client
        /// comes back, and may then have several times as many unacknowledged; fewer, with the quarter that the list
        /// may grow beyond it, than there are packet ids, so that none stands for two messages.
        var deliveryCapacity: Int { min(max(receiveMaximum, 16_384), Self.maxReceiveMaximum) }
        /// The largest receive maximum with which redeliveries are known.
        package static let maxReceiveMaximum = 50_000
        /// Dead letters that are kept; those that were silent longest go.
        package var maxDeadLetters: Int

        package init(clientID: String, receiveMaximum: Int = 1000, maxDeadLetters: Int = 1000) {
            self.clientID = clientID
            self.receiveMaximum = receiveMaximum
            self.maxDeadLetters = maxDeadLetters
        }
    }

    private struct State {
        /// `nil` when it must be read from the database: at the start, and after a transaction of which nobody knows
        /// whether it was committed.
        var deliveries: DeliveryLog?
        /// Whether the broker has a new session, and what was received in the old one is still to be forgotten.
        var isForgettingDue = false
        var refusalLoggedAt: Timestamp?
    }

    private static let logInterval = Duration.seconds(60)

    private let configuration: Configuration
    private let writer: RoomWriter
    private let database: Database
    private let readings: ReadingStore
    private let alerts: AlertService?
    private let metrics: IngestMetrics
    private let tracer: any Tracer
    private let clock: any WallClock
    private let logger: Logger
    private let state = Lock(State())

    /// - Parameters:
    ///   - writer: Writes into `database`.
    ///   - alerts: Evaluated within every transaction that has readings.
    ///   - tracer: Makes the spans of commits that hold sampled readings.
    package init(
        configuration: Configuration, writer: RoomWriter, database: Database, readings: ReadingStore,
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
        self.logger = logger
    }

    // MARK: Deliveries

    /// The broker has made a new session: packet ids begin anew, and nothing of before comes again.
    ///
    /// Forgotten at once, not with the next batch: after a crash before it, the session would be there, and what it
    /// sends first could be taken for something of the old one. Where that fails no batch is taken until it succeeds.
    ///
    /// - Throws: what keeps the database from forgetting.
    func sessionStarted() throws {
        try state.withLock { state in
            state.isForgettingDue = true
            try forget(&state)
        }
    }

    private func forget(_ state: inout State) throws {
        state.deliveries = nil
        try writer.commit { transaction in
            try transaction.removeDeliveries(of: configuration.clientID, through: .max)
            return RoomWriter.Effect(())
        }
        state.deliveries = DeliveryLog(capacity: configuration.deliveryCapacity)
        state.isForgettingDue = false
    }

    /// The messages of a batch that were not taken before.
    ///
    /// - Throws: what makes the database unreadable, or keeps it from forgetting an earlier session.
    func fresh(_ batch: MQTTBatch) throws -> [MQTTMessage] {
        try state.withLock { state in
            if state.isForgettingDue { try forget(&state) }
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
        state.deliveries = DeliveryLog(capacity: configuration.deliveryCapacity, stored: stored)
    }

    // MARK: Committing

    /// Stores the items, publishes them, and then tells of alerts that they raised, so that none overtakes its reading.
    ///
    /// - Parameter publish: Called once the transaction is committed, with the items whose journeys say when that was.
    /// - Throws: what made the transaction fail; nothing is stored then.
    func commit(
        _ items: ArraySlice<IngestItem>, receivedAt: Timestamp, publish: (ArraySlice<IngestItem>) -> Void
    ) throws {
        let batch = StoredBatch(items, at: receivedAt)
        guard !batch.isEmpty else { return publish(items) }
        let start = clock.now()
        let tracing = CommitTracing(batch.sampledParents, requestCount: batch.readings.count, tracer: tracer, at: start)
        do {
            let outcome = try write(batch) {
                let end = clock.now()
                tracing.finish(at: end)
                publish(items.committed(from: start, to: end))
            }
            if outcome.refusedCount > 0 { refused(outcome.refusedCount, at: clock.now()) }
        } catch {
            tracing.finish(error, at: clock.now())
            throw error
        }
    }

    /// Says that values are shown and not stored: sparingly, because whoever invents names does so many times a second.
    private func refused(_ count: Int, at now: Timestamp) {
        metrics.refusedValues.increment(by: count)
        let isNews = state.withLock { state in
            if let last = state.refusalLoggedAt, now.since(last) < Self.logInterval { return false }
            state.refusalLoggedAt = now
            return true
        }
        guard isNews else { return }
        logger.warning(
            "Values are shown and not stored: there are too many series",
            metadata: ["of_a_device": "\(ReadingStore.maxDeviceSeries)", "setting": "limits.series"])
    }

    /// Gives up a message that cannot be stored although others can: it becomes a dead letter.
    func bury(_ item: IngestItem, _ failure: StorageFailure, receivedAt: Timestamp) throws {
        var batch = StoredBatch([], at: receivedAt)
        batch.bury(item, reason: Self.notStorable, detail: "the database refuses it: \(failure)", at: receivedAt)
        _ = try write(batch)
    }

    /// The reason of dead letters that the database refused.
    static let notStorable = "not_storable"

    private func write(_ batch: StoredBatch, publish: () -> Void = {}) throws -> ReadingStore.Outcome {
        let change = try state.withLock { state in
            try load(&state)
            return batch.deliveries.isEmpty ? nil : state.deliveries?.change(adding: batch.deliveries)
        }
        do {
            let outcome = try writer.commit { transaction in
                let outcome = try readings.append(batch.readings, in: transaction)
                let messages = try alerts?.evaluate(batch.readings, batch.journeys, in: transaction) ?? []
                for letter in batch.deadLetters {
                    try transaction.add(letter, maxCount: configuration.maxDeadLetters)
                }
                if let change { try transaction.store(change, of: configuration.clientID) }
                return RoomWriter.Effect(outcome, messages: messages)
            } finished: { isCommitted in
                alerts?.finished(isCommitted: isCommitted)
            } publish: {
                publish()
            }
            if let change { state.withLock { $0.deliveries?.committed(change) } }
            return outcome
        } catch {
            // Where the storage failed, nobody knows whether it was committed; and the connection goes with it, so that
            // the comparison begins anew. What was refused for its content was not.
            if StorageFailure(error).isStorageAtFault { state.withLock { $0.deliveries = nil } }
            throw error
        }
    }
}

extension StorageTransaction {
    /// Stores what a batch changes of the deliveries that are remembered.
    fileprivate func store(_ change: DeliveryLog.Change, of clientID: String) throws {
        if let obsolete = change.obsolete { try removeDeliveries(of: clientID, through: obsolete) }
        for (number, entries) in change.batches {
            try addDeliveries(of: clientID, number: number, entries: DeliveryLog.bytes(entries))
        }
    }
}

extension ArraySlice<IngestItem> {
    /// The items with the time of their commit in every journey.
    fileprivate func committed(from start: Timestamp, to end: Timestamp) -> Self {
        var items = self
        for index in indices {
            for journey in items[index].journeys.indices {
                items[index].journeys[journey].stages?.commitStartedAt = start
                items[index].journeys[journey].stages?.committedAt = end
            }
        }
        return items
    }
}
