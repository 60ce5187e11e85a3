import Core
import CoreMetrics
import Foundation
import GRDB
import Logging
import MQTTTransport
import OTLP
import Realtime
import Storage
import Telemetry
import TestSupport
import Tracing

@testable import Services

/// A database with its writer, for one test, and pipelines from MQTT messages into it and a stream.
final class IngestFixture {
    let directory: String
    let stream: StreamFixture
    let database: Storage.Database
    let writer: Services.DatabaseWriter
    let readings = ReadingStore()
    let logger = Logger.silent
    private let ownsDirectory: Bool

    /// - Parameter directory: The directory of another fixture, to reopen its database after a "restart".
    init(_ stream: StreamFixture = StreamFixture(), directory: String? = nil) throws {
        self.stream = stream
        ownsDirectory = directory == nil
        self.directory =
            directory ?? FileManager.default.temporaryDirectory.appending(path: "windsock-ingest-\(UUID())").path
        database = try Storage.Database(directory: self.directory)
        writer = Services.DatabaseWriter(database: database, hub: stream.hub, clock: stream.clock, logger: logger)
    }

    deinit {
        if ownsDirectory { try? FileManager.default.removeItem(atPath: directory) }
    }

    func pipeline(
        clientID: String = "gateway", entry: EntryTracer? = nil, latency: LatencyService? = nil,
        clocks: ClockOffsetEstimator = ClockOffsetEstimator(), clockService: ClockService? = nil,
        alerts: AlertService? = nil, decoder: TelemetryDecoder = TelemetryDecoder(),
        ignoredFields: IgnoredFields = IgnoredFields(),
        metrics factory: any MetricsFactory = NOOPMetricsHandler.instance
    ) -> IngestPipeline {
        let entry =
            entry
            ?? EntryTracer(
                tracer: OTLPTracer(resource: Resource(serviceName: "test"), processors: []),
                sampler: Sampler(root: .alwaysOff))
        let metrics = IngestMetrics(factory: factory)
        let store = IngestStore(
            configuration: .init(clientID: clientID, receiveMaximum: 100, maxDeadLetters: 10), writer: writer,
            database: database, readings: readings, alerts: alerts, metrics: metrics, tracer: entry.tracer,
            clock: stream.clock, logger: logger)
        return IngestPipeline(
            decoder: decoder, store: store, stream: stream.stream, entry: entry, latency: latency,
            clocks: clocks, clockService: clockService, ignoredFields: ignoredFields, metrics: metrics,
            clock: stream.clock, logger: logger)
    }

    /// The point at which the database fails to store an alert.
    enum AlertFailure: CaseIterable {
        /// The statement fails, and with it the savepoint around it, if any.
        case statement
        /// SQLite rolls back the whole transaction at once, as it does when the disk is full.
        case transaction
        /// `COMMIT` fails, because a deferred constraint is violated.
        case commit
    }

    /// Makes the database reject new and changed alerts until ``allowAlerts()``.
    func forbidAlerts(_ failure: AlertFailure = .statement) throws {
        try execute("CREATE TABLE absent (id INTEGER PRIMARY KEY)")
        try execute("CREATE TABLE violation (id INTEGER REFERENCES absent (id) DEFERRABLE INITIALLY DEFERRED)")
        let reaction =
            switch failure {
            case .statement: "SELECT RAISE(ABORT, 'no alerts')"
            case .transaction: "SELECT RAISE(ROLLBACK, 'no alerts')"
            case .commit: "INSERT INTO violation VALUES (1)"
            }
        for change in ["insert", "update"] {
            try execute("CREATE TRIGGER no_alert_\(change) BEFORE \(change) ON alert BEGIN \(reaction); END")
        }
    }

    func allowAlerts() throws {
        for change in ["insert", "update"] { try execute("DROP TRIGGER no_alert_\(change)") }
        for table in ["violation", "absent"] { try execute("DROP TABLE \(table)") }
    }

    /// Makes the database reject room messages and webhook events until ``allowTelling()``.
    func forbidTelling() throws {
        for table in ["message", "webhook_event"] {
            try execute(
                "CREATE TRIGGER no_\(table) BEFORE INSERT ON \(table) BEGIN SELECT RAISE(ABORT, 'not now'); END")
        }
    }

    func allowTelling() throws {
        for table in ["message", "webhook_event"] { try execute("DROP TRIGGER no_\(table)") }
    }

    private func execute(_ sql: String) throws {
        let file = try DatabaseQueue(path: "\(directory)/\(Storage.Database.fileName)")
        try file.write { try $0.execute(sql: sql) }
        try file.close()
    }

    /// Returns all stored values of a device's metric, ordered by time.
    func values(of device: String, _ metric: String = "t") throws -> [Double] {
        try database.read { snapshot in
            let all = Timestamp(nanosecondsSinceEpoch: .min)..<Timestamp(nanosecondsSinceEpoch: .max)
            let series = try snapshot.series(of: device).filter { $0.metric == metric }.map(\.id)
            return try snapshot.values(of: series, in: all, after: nil, limit: 100_000).map(\.value)
        }
    }
}
