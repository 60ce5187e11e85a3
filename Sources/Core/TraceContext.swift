/// The W3C trace context of a message.
///
/// It is passed along with the message as a value, because a task-local value is lost when a message waits in a queue.
/// Source: W3C Trace Context, sections 3.2 (`traceparent`) and 3.3 (`tracestate`).
package struct TraceContext: Hashable, Sendable {
    /// 16 bytes, never all zero.
    package var traceID: (high: UInt64, low: UInt64) {
        get { (traceHigh, traceLow) }
        set { (traceHigh, traceLow) = newValue }
    }
    /// 8 bytes, never zero.
    package var spanID: UInt64
    /// The trace flags; bit 0 is *sampled*.
    package var flags: UInt8
    /// The vendor-specific `tracestate` list, propagated unchanged.
    package var state: String?
    /// True if the span belongs to another process, which also set the flags.
    package var isRemote: Bool

    private var traceHigh: UInt64
    private var traceLow: UInt64

    /// The maximum length of a propagated `tracestate`; a longer one is dropped. Section 3.3.1.5 requires support for
    /// at least 512 bytes.
    package static let maximumStateByteCount = 512

    /// The *sampled* flag, bit 0 of ``flags``: true if the spans of the trace are recorded.
    package var isSampled: Bool {
        get { flags & 1 == 1 }
        set { flags = newValue ? flags | 1 : flags & ~1 }
    }

    /// Creates the context of a span of this process.
    package init(traceID: (high: UInt64, low: UInt64), spanID: UInt64, isSampled: Bool, state: String? = nil) {
        traceHigh = traceID.high
        traceLow = traceID.low
        self.spanID = spanID
        flags = isSampled ? 1 : 0
        self.state = state
        isRemote = false
    }

    /// Parses a `traceparent` value such as `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`.
    ///
    /// Returns `nil` for any value that section 3.2.2 calls invalid; the reading then has no trace. A `state` that is
    /// too long or has invalid characters is dropped.
    package init?(traceparent: some StringProtocol, state: String? = nil) {
        let text = Array(traceparent.utf8)
        guard text.count >= 55, text[2] == Self.dash, text[35] == Self.dash, text[52] == Self.dash,
            let version = Self.hexadecimal(text[0..<2]), version != 0xFF,
            version == 0 ? text.count == 55 : (text.count == 55 || text[55] == Self.dash),
            let high = Self.hexadecimal(text[3..<19]), let low = Self.hexadecimal(text[19..<35]), high | low != 0,
            let span = Self.hexadecimal(text[36..<52]), span != 0,
            let flags = Self.hexadecimal(text[53..<55])
        else { return nil }
        self.traceHigh = high
        self.traceLow = low
        self.spanID = span
        self.flags = UInt8(truncatingIfNeeded: flags)
        self.state = state.flatMap { Self.isFitToHandOn($0) ? $0 : nil }
        self.isRemote = true
    }

    /// The trace ID as 32 lower-case hexadecimal digits.
    package var traceIDText: String { Self.text(32) { writeTraceID(to: &$0) } }

    /// The span ID as 16 lower-case hexadecimal digits.
    package var spanIDText: String { Self.text(16) { writeSpanID(to: &$0) } }

    /// The `traceparent` value, version 00 (section 3.2). Unknown flags are cleared (section 3.2.2.5).
    package var traceparent: String { Self.text(55) { write(to: &$0) } }

    /// Appends the `traceparent` value, which has 55 characters.
    package func write(to text: inout [UInt8]) {
        text += [UInt8(ascii: "0"), UInt8(ascii: "0"), Self.dash]
        writeTraceID(to: &text)
        text.append(Self.dash)
        writeSpanID(to: &text)
        text += [Self.dash, UInt8(ascii: "0"), isSampled ? UInt8(ascii: "1") : UInt8(ascii: "0")]
    }

    /// Appends ``traceIDText``.
    package func writeTraceID(to text: inout [UInt8]) {
        Self.write(traceHigh, to: &text)
        Self.write(traceLow, to: &text)
    }

    /// Appends ``spanIDText``.
    package func writeSpanID(to text: inout [UInt8]) {
        Self.write(spanID, to: &text)
    }

    private static func text(_ capacity: Int, _ write: (inout [UInt8]) -> Void) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(capacity)
        write(&bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func write(_ value: UInt64, to text: inout [UInt8]) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 0xF
            text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    /// Returns true if a `tracestate` is short enough and has only characters that section 3.3.1 allows. It is copied
    /// into headers of other protocols, where a line break would allow header injection.
    private static func isFitToHandOn(_ state: String) -> Bool {
        (1...maximumStateByteCount).contains(state.utf8.count)
            && state.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x09 }
    }

    private static let dash = UInt8(ascii: "-")

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return value
    }
}
