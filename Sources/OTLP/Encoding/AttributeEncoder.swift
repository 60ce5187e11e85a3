import SwiftProtobuf
import Tracing

/// Turns attributes into OTLP's key-value pairs.
///
/// Source: OpenTelemetry Protocol, `common.proto`; OpenTelemetry specification, "Common specification concepts",
/// Attribute limits.
struct AttributeEncoder: Sendable {
    /// The longest text, in characters; `nil` for any.
    var maxLength: Int?

    /// In no order of note: the set has none.
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
