package import OTLP
import ServiceLifecycle

/// Exports to a collector for as long as the process serves.
///
/// `run()` returns after a graceful shutdown, when what was there is sent or a few seconds are over.
package struct ExportService: Service {
    private static let timeout = Duration.seconds(2)

    private let pipeline: OTLPPipeline

    package init(pipeline: OTLPPipeline) {
        self.pipeline = pipeline
    }

    package func run() async throws {
        await withGracefulShutdownHandler {
            await pipeline.run()
        } onGracefulShutdown: {
            pipeline.shutdown(within: Self.timeout)
        }
    }
}
