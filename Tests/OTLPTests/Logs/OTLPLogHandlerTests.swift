import Core
import Logging
import Observability
import TestSupport
import Testing

@testable import OTLP

/// Log entries become records, except those of the exporter itself.
@Suite("Log handler")
struct OTLPLogHandlerTests {
    /// Records the log records that were about to be sent.
    private final class Records: Sendable {
        let all = Lock<[LogRecord]>([])
    }

    private struct Clock: WallClock {
        func now() -> Timestamp { start }
    }

    private let records = Records()

    private func record(
        label: String = "windsock.test", _ body: @Sendable (Logger) -> Void
    ) async -> [LogRecord] {
        let exporter = BatchExporter<LogRecord>(
            .quick, sender: RecordingSender(), timeout: .seconds(60),
            metrics: ExportMetrics(.logs, factory: MetricsRegistry()), log: ExportLog(.silent, signal: .logs)
        ) { [records] batch in
            records.all.withLock { $0 += batch }
            return []
        }
        let processor = BatchLogProcessor(exporter: exporter, clock: Clock())
        body(Logger(label: label) { OTLPLogHandler(label: $0, processor: processor) })
        exporter.shutdown(within: .seconds(60))
        await exporter.run()
        return records.all.withLock { $0 }
    }

    @Test(
        "The logger's metadata, the line's metadata and the error become attributes; the line's metadata takes precedence"
    )
    func attributes() async throws {
        struct Broken: Error {}
        let found = await record { logger in
            var logger = logger
            logger[metadataKey: "a"] = "1"
            logger[metadataKey: "b"] = "1"
            logger.error("Failed", error: Broken(), metadata: ["b": "2"])
        }
        let one = try #require(found.first)
        #expect(one.message == "Failed" && one.level == .error && one.time == start)
        #expect(
            one.attributes == [
                "a": .text("1"), "b": .text("2"), "logger": .text("windsock.test"),
                "exception.type": .text("Broken"), "exception.message": .text("Broken()"),
            ])
    }

    @Test("Two valid ids in the metadata become the span context; other values remain attributes")
    func traces() async throws {
        let id = "0af7651916cd43dd8448eb211c80319c"
        let found = await record { logger in
            logger.info("", metadata: ["trace_id": "\(id)", "span_id": "b7ad6b7169203331"])
            logger.info("", metadata: ["trace_id": "\(id)"])
            logger.info("", metadata: ["trace_id": "\(id)", "span_id": "x"])
        }
        #expect(found.map { $0.trace?.spanIDText } == ["b7ad6b7169203331", nil, nil])
        #expect(found.map { $0.attributes["trace_id"] } == [nil, .text(id), .text(id)])
    }

    @Test("The export's own log lines are not exported", arguments: ["windsock.otlp", "windsock.otlp.traces"])
    func own(label: String) async {
        #expect(await record(label: label) { $0.critical("The collector cannot be reached") }.isEmpty)
    }

    @Test("Long texts are truncated, and surplus attributes are counted")
    func limits() async throws {
        let long = String(repeating: "x", count: 100_000)
        let found = await record { logger in
            let many = Dictionary(uniqueKeysWithValues: (0..<200).map { ("k\($0)", Logger.MetadataValue.string(long)) })
            logger.info("\(long)", metadata: many)
        }
        let one = try #require(found.first)
        #expect(one.message.count == LogRecord.maxTextLength)
        #expect(one.attributes.count == LogRecord.maxAttributeCount && one.droppedAttributeCount == 73)
        #expect(one.attributes["k0"] == .text(String(long.prefix(LogRecord.maxTextLength))))
    }

    @Test("Lines below the handler's log level are discarded unevaluated")
    func levels() async {
        let found = await record { logger in
            logger.debug("no")
            logger.notice("yes")
        }
        #expect(found.map(\.message) == ["yes"])
    }
}
