import Core
package import Tracing

/// A span created by ``OTLPTracer``. A span that is not sampled has a trace context but records nothing.
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
        // The status `ok` is final (specification, "Set Status").
        recording?.write { if $0.status?.code != .ok { $0.status = status } }
    }

    package func addEvent(_ event: SpanEvent) {
        recording?.add(event)
    }

    package func addLink(_ link: SpanLink) {
        recording?.add(link)
    }

    /// Adds an `exception` event (semantic conventions, "Exceptions on spans").
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

    /// Ends the span and passes it to the tracer's processors. Further calls have no effect.
    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        recording?.end(at: .init(instant()))
    }
}

/// The recorded data of a span that has not ended yet. Thread-safe.
final class SpanRecording: Sendable {
    private struct State {
        var data: SpanData
        var isRecording = true
    }

    private let state: Lock<State>
    private let limits: SpanData.Limits
    private let ended: @Sendable (SpanData) -> Void

    /// Creates a recording that starts with `data`.
    ///
    /// - Parameter ended: called once, outside of the lock, on the thread that ends the span.
    init(_ data: SpanData, limits: SpanData.Limits, ended: @escaping @Sendable (SpanData) -> Void) {
        state = Lock(State(data: data))
        self.limits = limits
        self.ended = ended
    }

    var isRecording: Bool { state.withLock { $0.isRecording } }

    func read<Value: Sendable>(_ value: (SpanData) -> Value) -> Value {
        state.withLock { value($0.data) }
    }

    /// Changes the span, unless it has ended.
    func write(_ change: (inout SpanData) -> Void) {
        state.withLock { if $0.isRecording { change(&$0.data) } }
    }

    func add(_ event: SpanEvent) {
        write { data in
            if data.events.count < limits.events {
                data.events.append(event)
            } else {
                data.droppedEventCount += 1
            }
        }
    }

    func add(_ link: SpanLink) {
        write { data in
            if data.links.count < limits.links {
                data.links.append(link)
            } else {
                data.droppedLinkCount += 1
            }
        }
    }

    func end(at end: Timestamp) {
        let finished = state.withLock { state -> SpanData? in
            guard state.isRecording else { return nil }
            state.isRecording = false
            // If the wall clock was set back, the duration must not become negative.
            state.data.end = max(end, state.data.start)
            return state.data
        }
        guard var finished else { return }
        limitAttributes(of: &finished)
        ended(finished)
    }

    private func limitAttributes(of data: inout SpanData) {
        let surplus = data.attributes.count - limits.attributes
        guard surplus > 0 else { return }
        var names: [String] = []
        data.attributes.forEach { name, _ in names.append(name) }
        for name in names.sorted().suffix(surplus) { data.attributes.set(name, value: nil) }
        data.droppedAttributeCount += surplus
    }
}
