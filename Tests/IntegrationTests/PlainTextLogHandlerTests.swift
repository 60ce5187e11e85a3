import Core
import Logging
import Testing

@testable import windsock

/// What strangers wrote, in the log.
@Suite("Plain text in the log")
struct PlainTextLogHandlerTests {
    /// Keeps what it is told.
    private struct Recorder: LogHandler {
        final class Lines: Sendable {
            let all = Lock<[String]>([])
        }

        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
            let shown = metadata.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            lines.all.withLock { $0.append("\(event.message) \(shown)") }
        }
    }

    @Test("Control characters are written as escapes, everything else as it is")
    func escapes() {
        let lines = Recorder.Lines()
        var logger = Logger(label: "test") { _ in PlainTextLogHandler(Recorder(lines: lines)) }
        logger[metadataKey: "device"] = "a\u{2028}b"
        logger.info(
            "grün\n2026-01-01 error forged", metadata: ["deep": ["x": ["\u{1B}[2J", "\u{202E}"]], "n": "5 °C"])
        let line = lines.all.withLock { $0.first } ?? ""
        #expect(line.contains(#"grün\u{a}2026-01-01 error forged"#) && line.contains("5 °C"))
        #expect(line.contains(#"u{1b}[2J"#) && line.contains(#"u{202e}"#) && line.contains(#"a\u{2028}b"#))
        #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x2028 || $0.value == 0x202E })
    }
}
