import Core
package import Logging

/// A log handler that records one line per entry: level, message, and metadata sorted by name.
package final class LogRecorder: Sendable {
    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
            let line = ["\(event.level): \(event.message)"] + all.map { "\($0.key)=\($0.value)" }
            recorder.all.withLock { $0.append(line.joined(separator: " ")) }
        }
    }

    private let all = Lock<[String]>([])

    package init() {}

    package var lines: [String] { all.withLock { $0 } }
    package var text: String { lines.joined(separator: "\n") }

    package func lines(with text: String) -> [String] { lines.filter { $0.contains(text) } }

    package var handler: any LogHandler { Handler(recorder: self) }
    package var logger: Logger { Logger(label: "test") { _ in self.handler } }
}

extension Logger {
    /// A logger that discards everything.
    package static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}
