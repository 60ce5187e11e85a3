import Foundation
import SwiftProtobuf
import Telemetry

/// Finds out what a collector's answer means.
///
/// Source: OpenTelemetry Protocol, "OTLP/HTTP Response": full success, partial success, failures, throttling.
struct ResponseReader: Sendable {
    /// The statuses that ask for another attempt; no others do.
    private static let retryable: Set<Int> = [429, 502, 503, 504]
    private static let maxMessageLength = 200

    let signal: OTLPSignal

    /// - Parameters:
    ///   - body: what was read of it; empty when it was too long.
    ///   - now: what a date in `retryAfter` is compared with.
    func outcome(
        status: Int, contentType: String?, retryAfter: String?, body: [UInt8], now: Timestamp
    ) -> ExportOutcome {
        let type = (contentType ?? "").lowercased()
        if (200..<300).contains(status) { return accepted(body, isJSON: type.hasPrefix("application/json")) }
        guard Self.retryable.contains(status) else {
            return .refused(reason: "HTTP \(status)" + explanation(body, type))
        }
        return .unavailable(
            reason: "HTTP \(status)", retryAfter: retryAfter.flatMap { RetryAfter.duration($0, now: now) })
    }

    /// What cannot be read counts as full success: the status has already said so.
    private func accepted(_ body: [UInt8], isJSON: Bool) -> ExportOutcome {
        guard !body.isEmpty else { return .accepted(rejected: 0, message: nil) }
        switch signal {
        case .traces:
            let partial = (read(body, isJSON) as ProtoExportTraceServiceResponse?)?.partialSuccess
            return accepted(partial?.rejectedSpans, partial?.errorMessage)
        case .metrics:
            let partial = (read(body, isJSON) as ProtoExportMetricsServiceResponse?)?.partialSuccess
            return accepted(partial?.rejectedDataPoints, partial?.errorMessage)
        case .logs:
            let partial = (read(body, isJSON) as ProtoExportLogsServiceResponse?)?.partialSuccess
            return accepted(partial?.rejectedLogRecords, partial?.errorMessage)
        }
    }

    private func accepted(_ rejected: Int64?, _ message: String?) -> ExportOutcome {
        .accepted(
            rejected: Int(clamping: max(0, rejected ?? 0)),
            message: message.flatMap { $0.isEmpty ? nil : Self.excerpt($0) })
    }

    private func read<Answer: Message>(_ body: [UInt8], _ isJSON: Bool) -> Answer? {
        guard isJSON else { return try? Answer(serializedBytes: body) }
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        return try? Answer(jsonUTF8Bytes: body, options: options)
    }

    /// The beginning of a body that is text.
    private func explanation(_ body: [UInt8], _ type: String) -> String {
        guard !body.isEmpty, type.hasPrefix("text/plain") || type.hasPrefix("application/json") else { return "" }
        return ": " + Self.excerpt(String(decoding: body.prefix(4 * Self.maxMessageLength), as: UTF8.self))
    }

    /// Foreign text as a log can bear it: short, on one line.
    private static func excerpt(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(maxMessageLength) {
            result.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return String(result)
    }
}
