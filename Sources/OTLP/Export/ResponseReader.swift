import Core
import Foundation
import SwiftProtobuf

/// An interpreter of a collector's HTTP responses.
///
/// Source: OpenTelemetry Protocol, "OTLP/HTTP Response": full success, partial success, failures, throttling.
struct ResponseReader: Sendable {
    /// The status codes that allow a retry. All others are final.
    private static let retryable: Set<Int> = [429, 502, 503, 504]
    private static let maxMessageLength = 200

    let signal: OTLPSignal

    /// Returns the outcome for a response.
    ///
    /// - Parameters:
    ///   - body: the response body; empty if it was too long.
    ///   - now: the reference for a date in `retryAfter`.
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

    /// Returns the outcome for a 2xx response. An unreadable body counts as full success, because the status code
    /// already says so.
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

    /// Returns the beginning of a text body, for error messages.
    private func explanation(_ body: [UInt8], _ type: String) -> String {
        guard !body.isEmpty, type.hasPrefix("text/plain") || type.hasPrefix("application/json") else { return "" }
        return ": " + Self.excerpt(String(decoding: body.prefix(4 * Self.maxMessageLength), as: UTF8.self))
    }

    /// Returns `text` in a form that is safe for the log: shortened, and with control characters replaced by spaces.
    private static func excerpt(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(maxMessageLength) {
            result.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return String(result)
    }
}

/// The outcome of one request.
enum ExportOutcome: Sendable, Equatable {
    /// The collector accepted the request, except for `rejected` items. `message` is the reason or a warning.
    case accepted(rejected: Int, message: String?)
    /// A temporary failure. Retry the same request later, and not before `retryAfter` if the collector requested a
    /// delay.
    case unavailable(reason: String, retryAfter: Duration?)
    /// A permanent failure. A retry would not help.
    case refused(reason: String)
}
