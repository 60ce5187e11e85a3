import Core
import CoreMetrics
import Foundation
import Logging
import NIOCore
import Realtime
import Services
import Storage
import Webhooks

/// The database, its writer, and the services on top of them.
struct ServiceStack: Sendable {
    private let lock: DataDirectoryLock
    let database: Database
    let writer: DatabaseWriter
    let readings: ReadingStore
    let retention: ReadingRetention
    let roomRetention: RoomRetention
    let alerts: AlertService
    /// The service that posts alerts to the webhook; `nil` when no URL is configured.
    let webhook: WebhookService?
    let presence: PresenceService
    let services: HubServices
    /// The guard that supplies the time for retention.
    let clockGuard: ClockLeapGuard
    private let logger: Logger

    /// The average number of series per device that alert rules may watch. A series that several rules watch counts
    /// once for each rule.
    private static let watchedPerDevice = 20
    /// The number of series whose latest values are read at the start, which takes about a second.
    private static let maxRestoredSeries = 100_000

    /// Opens the database of the data directory and restores the state of alerts.
    ///
    /// - Throws: `StorageError` naming the file, also when another gateway uses the directory.
    init(
        _ configuration: GatewayConfiguration, hub: Hub, stream: DataStreamService, entry: EntryTracer,
        factory: any MetricsFactory, logger: Logger
    ) throws {
        let tracer = entry.tracer
        let storage = configuration.storage
        lock = try DataDirectoryLock(directory: configuration.dataDirectory)
        database = try Database(directory: configuration.dataDirectory, durability: storage.durability)
        writer = DatabaseWriter(database: database, hub: hub, tracer: tracer, logger: logger)
        readings = ReadingStore(maxSeries: storage.maxSeries)
        clockGuard = ClockLeapGuard(
            hold: storage.clockHold, lastKnown: try database.read { try $0.latestInstant() },
            wall: SystemWallClock().now(), steady: .now())
        retention = ReadingRetention(
            policy: storage.retention, database: database, writer: writer, readings: readings, logger: logger)
        roomRetention = RoomRetention(
            configuration: configuration.history, database: database, writer: writer, factory: factory, logger: logger)
        let maxDevices = configuration.stream.maxDevices
        stream.restore(
            try database.read {
                try $0.latestDeviceStates(maxDevices: maxDevices, maxSeries: Self.maxRestoredSeries)
            })
        presence = PresenceService(hub: hub, stream: stream)
        let history = RoomHistory(database: database, writer: writer, hub: hub, logger: logger)
        webhook = configuration.webhook.map { [database, writer] webhook in
            WebhookService(
                webhook, outbox: StoredWebhookOutbox(database: database, writer: writer),
                sender: WebhookSender(webhook, tracer: tracer), metrics: WebhookMetrics(factory: factory),
                logger: logger)
        }
        if webhook == nil {
            // Queued events were meant for an earlier webhook, not for the next one. A failure here loses nothing.
            do {
                try database.write { try $0.removeWebhookEvents() }
            } catch {
                logger.warning("Events of a previous webhook could not be removed", metadata: ["error": "\(error)"])
            }
        }
        alerts = try AlertService(
            configuration: AlertService.Configuration(
                rules: configuration.alertRules, maxWatched: configuration.stream.maxDevices * Self.watchedPerDevice,
                hasWebhook: webhook != nil),
            history: configuration.history, database: database, writer: writer, hub: hub, tracer: tracer,
            factory: factory, wakeWebhook: { [webhook] in webhook?.wake() }, logger: logger)
        services = HubServices(
            stream: stream,
            history: history,
            chat: ChatService(
                writer: writer, history: history, configuration: configuration.history, tracer: tracer),
            notifications: NotificationService(
                writer: writer, database: database, hub: hub, configuration: configuration.history, tracer: tracer,
                logger: logger),
            readings: ReadingHistory(database: database, logger: logger),
            lastMessages: LastMessages(),
            deadLetters: DeadLetterService(
                routes: configuration.routes, statusRoutes: configuration.statusRoutes, database: database,
                logger: logger),
            alerts: alerts,
            entry: entry)
        self.logger = logger
    }

    /// Commits pending writes, closes the database and unlocks its directory.
    func close() async {
        await writer.close()
        do {
            try database.close()
        } catch {
            logger.warning("The database could not be closed cleanly", metadata: ["error": "\(error)"])
        }
        lock.release()
    }
}

/// An exclusive lock on a data directory. A second gateway on it would store and announce everything twice.
///
/// The lock is an advisory lock (`flock`) on the directory itself. The system releases it when the process ends for any
/// reason, and it cannot be removed without removing the directory.
final class DataDirectoryLock: Sendable {
    private let descriptor: Int32

    /// Creates the directory if it does not exist, and locks it.
    ///
    /// - Throws: `StorageError` naming the directory, when another gateway uses it or it cannot be created.
    init(directory: String) throws {
        try Database.makeDirectory(directory)
        descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw StorageError.notOpened(file: directory, .unusable(String(cString: strerror(errno))))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw StorageError.notOpened(
                file: directory, code == EWOULDBLOCK ? .inUse : .unusable(String(cString: strerror(code))))
        }
    }

    /// Lets another gateway use the directory. Further calls have no effect.
    func release() {
        flock(descriptor, LOCK_UN)
    }

    deinit { close(descriptor) }
}
