import Core
import Logging
import MQTTTransport

/// Says once that devices cannot connect, and once that all can again: a fleet whose broker is away would otherwise
/// fill the log.
final class ConnectionReport: Sendable {
    private let logger: Logger
    /// The devices whose last attempt to connect failed; at most all of them.
    private let troubled = Lock<Set<String>>([])

    init(logger: Logger) {
        self.logger = logger
    }

    /// For the devices' clients: what each says of its connection appears only when somebody looks for details.
    var clientLogger: Logger {
        var logger = logger
        if logger.logLevel > .debug { logger.logLevel = .error }
        return logger
    }

    /// The connection of a device changed; on the loop's thread.
    func connectionChanged(of device: String, to state: MQTTConnectionState) {
        switch state {
        case .waiting(let error):
            let isFirst = troubled.withLock { troubled in
                troubled.insert(device).inserted && troubled.count == 1
            }
            if isFirst {
                logger.warning(
                    "Devices cannot reach the broker; they keep trying",
                    metadata: ["device": "\(device)", "error": "\(error)"])
            }
        case .connected:
            let isLast = troubled.withLock { $0.remove(device) != nil && $0.isEmpty }
            if isLast { logger.info("All devices reach the broker again") }
        default: return
        }
    }
}
