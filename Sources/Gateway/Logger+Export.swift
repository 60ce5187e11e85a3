import Logging
import OTLP

extension Logger {
    /// The same logger under another label.
    func labelled(_ label: String) -> Logger {
        var logger = Logger(label: label) { _ in handler }
        logger.logLevel = logLevel
        return logger
    }

    /// A logger whose lines go to a collector too, where there is one.
    func exporting(to processor: BatchLogProcessor?) -> Logger {
        guard let processor else { return self }
        var logger = Logger(label: label) { label in
            MultiplexLogHandler([handler, OTLPLogHandler(label: label, processor: processor)])
        }
        logger.logLevel = logLevel
        return logger
    }
}
