import Gateway
import ServiceLifecycle
import UnixSignals

/// Lets the gateway reload what can be reloaded whenever SIGHUP comes.
struct ReloadService: Service {
    let gateway: Gateway

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            await gateway.reload()
        }
    }
}
