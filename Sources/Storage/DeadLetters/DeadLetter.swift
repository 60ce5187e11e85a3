import GRDB
package import Telemetry

/// A payload that could not be taken, with the reason; one for each topic and reason, counted.
package struct DeadLetter: Sendable, Equatable {
    /// The most bytes of a payload that are kept.
    package static let maxPayloadBytes = 4096

    /// Names it within this database; 0 before it is stored.
    package var id: Int64
    package var topic: String
    /// One of few words, such as `invalid_json`.
    package var reason: String
    /// A sentence for people.
    package var detail: String
    /// The beginning of the latest payload.
    package var payload: [UInt8]
    /// The whole length of that payload.
    package var payloadByteCount: Int
    /// How often it came.
    package var count: Int
    package var firstAt: Timestamp
    package var lastAt: Timestamp
    /// The trace of the latest message, when it had one: 32 hexadecimal digits.
    package var traceID: String?

    package init(
        topic: String, reason: String, detail: String, payload: [UInt8], at instant: Timestamp, count: Int = 1,
        traceID: String? = nil
    ) {
        id = 0
        self.topic = topic
        self.reason = reason
        self.detail = detail
        self.payload = Array(payload.prefix(Self.maxPayloadBytes))
        payloadByteCount = payload.count
        self.count = count
        firstAt = instant
        lastAt = instant
        self.traceID = traceID
    }

    static let columns = "id, topic, reason, detail, payload, payload_bytes, count, first_at, last_at, trace_id"

    init(_ row: Row) throws {
        id = try row.value(0)
        topic = try row.value(1)
        reason = try row.value(2)
        detail = try row.value(3)
        payload = try row.withUnsafeData(atIndex: 4) { $0.map(Array.init) ?? [] }
        payloadByteCount = try row.value(5)
        count = try row.value(6)
        firstAt = Timestamp(nanosecondsSinceEpoch: try row.value(7))
        lastAt = Timestamp(nanosecondsSinceEpoch: try row.value(8))
        traceID = try row.optional(9)
    }
}
