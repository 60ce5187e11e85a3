import Core
import Foundation
import Logging
import MQTTTransport
import ServiceLifecycle
import Services
import Telemetry

/// The service that owns the gateway's broker connection.
///
/// `run()` watches the connection, and returns after a graceful shutdown. By then, accepted messages are acknowledged, the
/// status topic holds `offline`, and the totals of this run are logged.
struct MQTTService: Service {
    let client: MQTTClient
    let loop: MQTTLoop
    let pipeline: IngestPipeline
    let reception: ReceptionWatch
    let entities: EntityDiscovery?
    /// Ends when the web server listens. The broker is contacted only then: a gateway whose port is taken must not take
    /// over the session of the gateway that has it.
    let listening: AsyncStream<Never>
    let logger: Logger

    private static let checkInterval = Duration.seconds(1)

    func run() async throws {
        for await _ in listening.cancelOnGracefulShutdown() {}
        if !Task.isCancelled, !Task.isShuttingDownGracefully {
            logger.info("Subscribing at the broker", metadata: ["filters": "\(ReceptionWatch.listed(client.filters))"])
            client.connect()
        }
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: Self.checkInterval)) != nil {
                reception.check()
                applyAnnouncements()
            }
        }
        await client.stop()
        loop.stop()
        let totals = pipeline.totals
        logger.info(
            "Stopped ingest",
            metadata: [
                "messages": "\(totals.messages)", "readings": "\(totals.readings)", "statuses": "\(totals.statuses)",
                "ignored": "\(totals.ignored)", "failures": "\(totals.failures)",
            ])
    }
}

extension MQTTService {
    /// Decodes and subscribes to what devices have announced. The decoder is first, so that it knows the topics when their
    /// retained messages arrive.
    private func applyAnnouncements() {
        guard let update = entities?.takeUpdate() else { return }
        pipeline.replaceDiscovered(update.topics)
        client.replaceSubscriptions(update.subscriptions)
        logger.info(
            "Announcements for Home Assistant were applied", metadata: ["topics": "\(update.topics.topics.count)"])
    }
}

/// The file in the data directory that holds the gateway's random MQTT client id.
///
/// Because the id is stable, a restarted gateway resumes its session at the broker.
struct ClientIDStore {
    private static let fileName = "mqtt-client-id"

    let directory: String
    let ids: any IDGenerator

    /// Returns the stored id, or stores and returns a new one. Creates the directory when it does not exist.
    func clientID() throws(ConfigurationError) -> String {
        let path = "\(directory)/\(Self.fileName)"
        if let text = try? String(contentsOfFile: path, encoding: .utf8) {
            let id = text.trimmingCharacters(in: .whitespacesAndNewlines)
            if !id.isEmpty { return id }
        }
        let id = "windsock-\(ids.next())"
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try id.write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        } catch {
            throw ConfigurationError(
                origin: "data_dir", problem: "the directory \(directory) is not writable: \(error)")
        }
        return id
    }
}

/// A publisher whose `MQTTClient` is set later. It breaks an initialization cycle: the client needs the ingest
/// pipeline, and the pipeline's clock service publishes through the client.
///
/// Thread-safe.
final class DeferredPublisher: Sendable {
    /// A weak reference to the client, because the client retains this publisher through its handler.
    private struct Slot {
        weak var client: MQTTClient?
    }

    private let slot = Lock(Slot())

    func begin(with client: MQTTClient) {
        slot.withLock { $0.client = client }
    }

    /// Publishes without a guarantee: drops the publication when it cannot be sent now.
    func publish(_ publication: MQTTPublication) {
        try? slot.withLock { $0.client }?.publish(publication)
    }
}
