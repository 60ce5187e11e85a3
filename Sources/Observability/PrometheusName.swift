/// Turns names of the metrics API (`http.server.requests`) into names that Prometheus takes.
///
/// Source: Prometheus, "Data model", metric names and labels.
package enum PrometheusName {
    /// A metric name: letters, digits, `_` and `:`; anything else becomes `_`. Never begins with a digit, never empty.
    package static func metric(_ name: String) -> String {
        sanitise(name, colon: true)
    }

    /// A label name: letters, digits and `_`. Names that begin with `__` are Prometheus's own, so that one of the two
    /// goes.
    package static func label(_ name: String) -> String {
        var label = sanitise(name, colon: false)
        while label.hasPrefix("__") { label.removeFirst() }
        return label
    }

    /// The name under which a metric is written: counters end in `_total`, timers in their unit, `_seconds`.
    static func family(_ sanitised: String, kind: MetricKind, unit: String? = nil) -> String {
        var name = sanitised
        if let unit, !name.hasSuffix("_" + unit) { name += "_" + unit }
        if kind == .counter, !name.hasSuffix("_total") { name += "_total" }
        return name
    }

    private static func sanitise(_ name: String, colon: Bool) -> String {
        func isAllowed(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            case UInt8(ascii: ":"): colon
            default: false
            }
        }
        func beginsWithDigit(_ name: String) -> Bool {
            name.utf8.first.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? true
        }
        if !beginsWithDigit(name), name.utf8.allSatisfy(isAllowed) { return name }
        let clean = String(decoding: name.utf8.map { isAllowed($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
        return beginsWithDigit(clean) ? "_" + clean : clean
    }
}
