import CoreMetrics
import Logging
import NIOCore
import Realtime
import Services
import Storage
import Telemetry

/// What is kept: the database, its writer, and the services on top of them.
struct RoomStack: Sendable {
    private let lock: DataDirectoryLock
    let database: Database
    let writer: RoomWriter
    let readings: ReadingStore
    let retention: ReadingRetention
    let roomRetention: RoomRetention
    let alerts: AlertService
    /// Posts alerts, if they are to be posted.
    let webhook: WebhookService?
    let presence: PresenceService
    let services: HubServices
    /// By which is judged what is too old.
    let clockTrust: ClockTrust
    private let logger: Logger

    /// How many times rules may look at a device's metrics, on average.
    private static let watchedPerDevice = 20

    /// Opens the database of the data directory.
    ///
    /// - Throws: `StorageError` naming the file; also when another gateway has the directory.
    init(
        _ configuration: GatewayConfiguration, hub: Hub, stream: DataStreamService, entry: EntryTracer,
        factory: any MetricsFactory, logger: Logger
    ) throws {
        let tracer = entry.tracer
        let storage = configuration.storage
        lock = try DataDirectoryLock(directory: configuration.dataDirectory)
        database = try Database(directory: configuration.dataDirectory, durability: storage.durability)
        writer = RoomWriter(database: database, hub: hub, tracer: tracer, logger: logger)
        readings = ReadingStore(maxSeries: storage.maxSeries)
        clockTrust = ClockTrust(
            hold: storage.clockHold, lastKnown: try database.read { try $0.latestInstant() },
            wall: SystemWallClock().now(), steady: .now())
        retention = ReadingRetention(
            policy: storage.retention, database: database, writer: writer, readings: readings, logger: logger)
        roomRetention = RoomRetention(
            configuration: configuration.history, database: database, writer: writer, factory: factory, logger: logger)
        presence = PresenceService(hub: hub, stream: stream)
        let history = RoomHistory(database: database, writer: writer, hub: hub, logger: logger)
        webhook = configuration.webhook.map { [database, writer] webhook in
            WebhookService(
                webhook, outbox: StoredWebhookOutbox(database: database, writer: writer),
                sender: WebhookSender(webhook, tracer: tracer), metrics: WebhookMetrics(factory: factory),
                logger: logger)
        }
        if webhook == nil {
            // What waited for one is not for whatever is set next. Where that fails, nothing is lost by it.
            do {
                try database.write { try $0.removeWebhookEvents() }
            } catch {
                logger.warning("Events of an earlier webhook were not removed", metadata: ["error": "\(error)"])
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
            deadLetters: DeadLetterService(database: database, logger: logger),
            alerts: alerts,
            entry: entry)
        self.logger = logger
    }

    /// Writes what waits and closes the database.
    func close() async {
        await writer.close()
        do {
            try database.close()
        } catch {
            logger.warning("The database was not closed in order", metadata: ["error": "\(error)"])
        }
    }
}
