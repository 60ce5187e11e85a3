import Foundation
import Telemetry

/// Writes the ids of traces and spans into messages so that they come out as the protocol wants them: bytes in
/// protobuf, hexadecimal digits in JSON.
///
/// Protobuf's JSON mapping writes bytes as base64, and OTLP makes an exception for ids. Hexadecimal digits are
/// themselves base64 digits, and 16 or 32 of them need no padding: an id whose bytes are those that its hexadecimal
/// form stands for *in base64* is written as that form.
///
/// Source: OpenTelemetry Protocol, "JSON Protobuf Encoding".
struct TraceIDEncoder: Sendable {
    let `protocol`: OTLPProtocol

    func traceID(of context: TraceContext) -> Data {
        switch `protocol` {
        case .httpProtobuf: bytes(context.traceID.high, context.traceID.low)
        case .httpJSON: Data(base64Encoded: context.traceIDText) ?? Data()
        }
    }

    func spanID(of context: TraceContext) -> Data {
        switch `protocol` {
        case .httpProtobuf: bytes(context.spanID)
        case .httpJSON: Data(base64Encoded: context.spanIDText) ?? Data()
        }
    }

    private func bytes(_ numbers: UInt64...) -> Data {
        var data = Data(capacity: numbers.count * 8)
        for number in numbers {
            withUnsafeBytes(of: number.bigEndian) { data.append(contentsOf: $0) }
        }
        return data
    }
}
