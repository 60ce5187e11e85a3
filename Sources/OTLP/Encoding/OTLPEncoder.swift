import Core
import Foundation
import SwiftProtobuf
import Tracing

/// An encoder of telemetry into the bodies of export requests. Each signal has an extension in its own file.
///
/// Source: OpenTelemetry Protocol, "OTLP/HTTP", binary and JSON Protobuf encoding.
struct OTLPEncoder: Sendable {
    /// The instrumentation scope of all telemetry from Windsock.
    static let scope = ProtoInstrumentationScope.with { $0.name = "windsock" }

    let `protocol`: OTLPProtocol
    let ids: TraceIDEncoder
    let attributes: AttributeEncoder

    init(_ protocol: OTLPProtocol, maxAttributeLength: Int? = nil) {
        self.protocol = `protocol`
        ids = TraceIDEncoder(protocol: `protocol`)
        attributes = AttributeEncoder(maxLength: maxAttributeLength)
    }

    func body(_ message: some Message) throws -> [UInt8] {
        switch `protocol` {
        case .httpProtobuf: return try message.serializedBytes()
        case .httpJSON:
            var options = JSONEncodingOptions()
            options.alwaysPrintEnumsAsInts = true
            return try message.jsonUTF8Bytes(options: options)
        }
    }

    func resource(_ resource: Resource) -> ProtoResource {
        .with { $0.attributes = attributes.pairs(resource.attributes) }
    }

    /// Converts a time to nanoseconds. Clamps times before 1970 to 1970, because the protocol cannot represent them.
    func nanoseconds(_ time: Timestamp) -> UInt64 { UInt64(max(0, time.nanosecondsSinceEpoch)) }
}

/// An encoder of trace and span ids in the form that the protocol requires: bytes in protobuf, hexadecimal digits in
/// JSON.
///
/// Protobuf's JSON mapping writes bytes as base64, but OTLP requires hexadecimal for ids. Every hexadecimal digit is
/// also a valid base64 digit, and 16 or 32 of them need no padding. So for JSON the hexadecimal text is *decoded as
/// base64*. When the JSON mapping encodes the result as base64 again, the hexadecimal text comes out.
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

/// A converter from attributes to OTLP key-value pairs.
///
/// Source: OpenTelemetry Protocol, `common.proto`; OpenTelemetry specification, "Common specification concepts",
/// Attribute limits.
struct AttributeEncoder: Sendable {
    /// The maximum length of a text, in characters; `nil` for no limit.
    var maxLength: Int?

    /// Returns the pairs in unspecified order.
    func pairs(_ attributes: SpanAttributes) -> [ProtoKeyValue] {
        var pairs: [ProtoKeyValue] = []
        pairs.reserveCapacity(attributes.count)
        attributes.forEach { key, attribute in
            if let value = value(attribute) { pairs.append(.with { ($0.key, $0.value) = (key, value) }) }
        }
        return pairs
    }

    func text(_ text: String) -> ProtoAnyValue {
        .with { $0.stringValue = maxLength.map { String(text.prefix($0)) } ?? text }
    }

    private func value(_ attribute: SpanAttribute) -> ProtoAnyValue? {
        switch attribute {
        case .int32(let value): .with { $0.intValue = Int64(value) }
        case .int64(let value): .with { $0.intValue = value }
        case .double(let value): .with { $0.doubleValue = value }
        case .bool(let value): .with { $0.boolValue = value }
        case .string(let value): text(value)
        case .stringConvertible(let value): text("\(value)")
        case .int32Array(let values): array(values) { .with { [value = $0] in $0.intValue = Int64(value) } }
        case .int64Array(let values): array(values) { .with { [value = $0] in $0.intValue = value } }
        case .doubleArray(let values): array(values) { .with { [value = $0] in $0.doubleValue = value } }
        case .boolArray(let values): array(values) { .with { [value = $0] in $0.boolValue = value } }
        case .stringArray(let values): array(values) { text($0) }
        case .stringConvertibleArray(let values): array(values) { text("\($0)") }
        default: nil
        }
    }

    private func array<Element>(_ elements: [Element], _ value: (Element) -> ProtoAnyValue) -> ProtoAnyValue {
        let values = elements.map(value)
        return .with { $0.arrayValue = .with { $0.values = values } }
    }
}
