/// A W3C trace context as it travels beside a reading: a value in messages, because task-locals die at queues.
///
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
    /// The vendors' list, handed on untouched.
    package var state: String?

    private var traceHigh: UInt64
    private var traceLow: UInt64

    /// The most bytes of `tracestate` that are handed on; a longer one is left out (section 3.3.1.5 asks for at
    /// least 512).
    package static let maximumStateByteCount = 512

    package var isSampled: Bool { flags & 1 == 1 }

    /// Parses a `traceparent` value such as `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`.
    ///
    /// Returns `nil` for anything that section 3.2.2 calls invalid: the reading then simply has no trace.
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
    }

    /// Whether a `tracestate` is short enough and has only the characters that section 3.3.1 allows: it goes into the
    /// headers of other protocols, where a line break would be a way in.
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
