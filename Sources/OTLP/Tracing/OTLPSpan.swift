package import Tracing

/// A span of ``OTLPTracer``. One that is not sampled keeps its place in the trace and forgets everything else.
package struct OTLPSpan: Span {
    package let context: InstrumentationContext
    let recording: SpanRecording?

    package var isRecording: Bool { recording?.isRecording ?? false }

    package var operationName: String {
        get { recording?.read { $0.name } ?? "" }
        nonmutating set { recording?.write { $0.name = newValue } }
    }

    package var attributes: SpanAttributes {
        get { recording?.read { $0.attributes } ?? [:] }
        nonmutating set { recording?.write { $0.attributes = newValue } }
    }

    package func setStatus(_ status: SpanStatus) {
        // What was once found good stays so (specification, "Set Status").
        recording?.write { if $0.status?.code != .ok { $0.status = status } }
    }

    package func addEvent(_ event: SpanEvent) {
        recording?.add(event)
    }

    package func addLink(_ link: SpanLink) {
        recording?.add(link)
    }

    /// Adds an event `exception` (semantic conventions, "Exceptions on spans").
    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        guard let recording else { return }
        var all: SpanAttributes = [
            "exception.type": .string("\(type(of: error))"), "exception.message": .string("\(error)"),
        ]
        all.merge(attributes)
        recording.add(SpanEvent(name: "exception", at: instant(), attributes: all))
    }

    /// Hands the span to the tracer's processors; the second time does nothing.
    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        recording?.end(at: .init(instant()))
    }
}
