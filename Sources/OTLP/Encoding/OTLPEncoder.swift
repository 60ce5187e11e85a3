import Foundation
import SwiftProtobuf
import Telemetry

/// Turns telemetry into the bodies of export requests; one file a signal.
///
/// Source: OpenTelemetry Protocol, "OTLP/HTTP", binary and JSON Protobuf encoding.
struct OTLPEncoder: Sendable {
    /// The scope of everything that Windsock makes.
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

    /// Times before 1970 count as 1970: the protocol has no others.
    func nanoseconds(_ time: Timestamp) -> UInt64 { UInt64(max(0, time.nanosecondsSinceEpoch)) }
}
