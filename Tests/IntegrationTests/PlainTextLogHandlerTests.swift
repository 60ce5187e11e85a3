import Logging
import TestSupport
import Testing

@testable import windsock

/// Untrusted text in the log.
@Suite("Plain text log handler")
struct PlainTextLogHandlerTests {
    @Test("Control characters are escaped, everything else is unchanged")
    func escapes() {
        let log = LogRecorder()
        var logger = Logger(label: "test") { _ in PlainTextLogHandler(log.handler) }
        logger[metadataKey: "device"] = "a\u{2028}b"
        logger.info(
            "grün\n2026-01-01 error forged", metadata: ["deep": ["x": ["\u{1B}[2J", "\u{202E}"]], "n": "5 °C"])
        let line = log.text
        #expect(line.contains(#"grün\u{a}2026-01-01 error forged"#) && line.contains("5 °C"))
        #expect(line.contains(#"u{1b}[2J"#) && line.contains(#"u{202e}"#) && line.contains(#"a\u{2028}b"#))
        #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x2028 || $0.value == 0x202E })
    }
}
