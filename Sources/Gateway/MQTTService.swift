import Logging
import MQTTTransport
import ServiceLifecycle
import Services

/// Keeps the gateway's broker connection for as long as the process serves.
///
/// `run()` returns after a graceful shutdown: what was accepted is acknowledged, the status topic says offline, and
/// the totals of this run are logged.
struct MQTTService: Service {
    let client: MQTTClient
    let loop: MQTTLoop
    let pipeline: IngestPipeline
    let logger: Logger

    func run() async throws {
        client.connect()
        try? await gracefulShutdown()
        await client.stop()
        loop.stop()
        let totals = pipeline.totals
        logger.info(
            "Stopped ingest",
            metadata: [
                "messages": "\(totals.messages)", "readings": "\(totals.readings)", "statuses": "\(totals.statuses)",
                "failures": "\(totals.failures)",
            ])
    }
}
