import Core
import SwiftProtobuf
import Tracing

extension OTLPEncoder {
    /// The bits of a span's or link's flags that tell whether ``isRemote`` is meaningful, and whether the context comes
    /// from another process.
    ///
    /// Source: OpenTelemetry Protocol, `trace.proto`, `SpanFlags`.
    private static let hasIsRemote: UInt32 = 0x100
    private static let isRemote: UInt32 = 0x200

    /// Encodes the body of a request to `/v1/traces`. Groups the spans by resource and otherwise keeps their order.
    func spans(_ spans: [SpanData]) throws -> [UInt8] {
        var groups: [ProtoResourceSpans] = []
        var places: [ObjectIdentifier: Int] = [:]
        for data in spans {
            let id = ObjectIdentifier(data.resource)
            if places[id] == nil {
                places[id] = groups.count
                groups.append(
                    .with {
                        $0.resource = resource(data.resource)
                        $0.scopeSpans = [.with { $0.scope = Self.scope }]
                    })
            }
            if let place = places[id] { groups[place].scopeSpans[0].spans.append(span(data)) }
        }
        return try body(ProtoExportTraceServiceRequest.with { $0.resourceSpans = groups })
    }

    private func span(_ data: SpanData) -> ProtoSpan {
        let links = data.links.compactMap(link)
        return .with {
            $0.traceID = ids.traceID(of: data.context)
            $0.spanID = ids.spanID(of: data.context)
            $0.traceState = data.context.state ?? ""
            if let parent = data.parent { $0.parentSpanID = ids.spanID(of: parent) }
            // For a span, the remote bit describes its parent; for a link, the linked span.
            $0.flags = flags(data.context.flags, isRemote: data.parent?.isRemote ?? false)
            $0.name = data.name
            $0.kind = kind(data.kind)
            $0.startTimeUnixNano = nanoseconds(data.start)
            $0.endTimeUnixNano = nanoseconds(data.end)
            $0.attributes = attributes.pairs(data.attributes)
            $0.droppedAttributesCount = UInt32(clamping: data.droppedAttributeCount)
            $0.events = data.events.map(event)
            $0.droppedEventsCount = UInt32(clamping: data.droppedEventCount)
            $0.links = links
            $0.droppedLinksCount = UInt32(clamping: data.droppedLinkCount + data.links.count - links.count)
            if let status = data.status { $0.status = self.status(status) }
        }
    }

    private func event(_ event: SpanEvent) -> ProtoSpan.Event {
        .with {
            $0.timeUnixNano = event.nanosecondsSinceEpoch
            $0.name = event.name
            $0.attributes = attributes.pairs(event.attributes)
        }
    }

    /// Converts a link. Returns `nil` for a link whose context identifies no span.
    private func link(_ link: SpanLink) -> ProtoSpan.Link? {
        guard let context = link.context.traceContext else { return nil }
        return .with {
            $0.traceID = ids.traceID(of: context)
            $0.spanID = ids.spanID(of: context)
            $0.traceState = context.state ?? ""
            $0.attributes = attributes.pairs(link.attributes)
            $0.flags = flags(context.flags, isRemote: context.isRemote)
        }
    }

    private func flags(_ flags: UInt8, isRemote: Bool) -> UInt32 {
        UInt32(flags) | Self.hasIsRemote | (isRemote ? Self.isRemote : 0)
    }

    private func kind(_ kind: SpanKind) -> ProtoSpan.SpanKind {
        switch kind {
        case .internal: .internal
        case .server: .server
        case .client: .client
        case .producer: .producer
        case .consumer: .consumer
        }
    }

    /// Converts a status. Only errors have a description (specification, "Set Status").
    private func status(_ status: SpanStatus) -> ProtoStatus {
        switch status.code {
        case .ok: .with { $0.code = .ok }
        case .error:
            .with {
                $0.code = .error
                $0.message = status.message ?? ""
            }
        }
    }
}
