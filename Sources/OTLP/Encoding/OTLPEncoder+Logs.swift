import Core
import Logging
import SwiftProtobuf
import Telemetry

extension OTLPEncoder {
    /// Encodes the body of a request to `/v1/logs`. Keeps the order of the records.
    func logs(_ records: [LogRecord], of service: Resource) throws -> [UInt8] {
        try body(
            ProtoExportLogsServiceRequest.with {
                $0.resourceLogs = [
                    .with {
                        $0.resource = resource(service)
                        $0.scopeLogs = [
                            .with {
                                $0.scope = Self.scope
                                $0.logRecords = records.map(record)
                            }
                        ]
                    }
                ]
            })
    }

    private func record(_ record: LogRecord) -> ProtoLogRecord {
        .with {
            $0.timeUnixNano = nanoseconds(record.time)
            $0.observedTimeUnixNano = nanoseconds(record.time)
            $0.severityNumber = severity(record.level)
            $0.severityText = record.level.rawValue
            $0.body = attributes.text(record.message)
            $0.attributes = pairs(record.attributes)
            $0.droppedAttributesCount = UInt32(clamping: record.droppedAttributeCount)
            if let trace = record.trace {
                $0.traceID = ids.traceID(of: trace)
                $0.spanID = ids.spanID(of: trace)
                $0.flags = UInt32(trace.flags)
            }
        }
    }

    /// Maps a log level to a severity number. `notice` becomes INFO2.
    ///
    /// Source: OpenTelemetry specification, "Logs Data Model", Mapping of SeverityNumber.
    private func severity(_ level: Logger.Level) -> ProtoSeverityNumber {
        switch level {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .notice: .info2
        case .warning: .warn
        case .error: .error
        case .critical: .fatal
        }
    }

    private func pairs(_ values: [String: LogRecord.Value]) -> [ProtoKeyValue] {
        values.map { key, value in
            .with { ($0.key, $0.value) = (key, self.value(value)) }
        }
    }

    private func value(_ value: LogRecord.Value) -> ProtoAnyValue {
        switch value {
        case .text(let text): attributes.text(text)
        case .list(let elements): .with { $0.arrayValue = .with { $0.values = elements.map(self.value) } }
        case .map(let members): .with { $0.kvlistValue = .with { $0.values = pairs(members) } }
        }
    }
}
