/// A renderer of metrics in the Prometheus text format, version 0.0.4.
///
/// Families and samples keep the given order, so two scrapes differ only in their values.
///
/// Source: Prometheus, "Exposition formats", text-based format.
package enum PrometheusText {
    /// The `Content-Type` of the text that ``render(_:)`` returns.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Renders the current values of `registry`.
    package static func render(_ registry: MetricsRegistry) -> String {
        render(registry.snapshot())
    }

    /// Renders each family as its help text (if any), its type, and one line per value.
    package static func render(_ families: [MetricFamily]) -> String {
        var text = ""
        for family in families {
            if let help = family.help {
                text += "# HELP \(family.name) \(escaped(help, quotes: false))\n"
            }
            text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
            for sample in family.samples {
                append(sample, of: family.name, to: &text)
            }
        }
        return text
    }

    private static func append(_ sample: MetricSample, of name: String, to text: inout String) {
        switch sample.value {
        case .number(let value):
            appendLine(name, sample.labels, number(value), to: &text)
        case .histogram(let histogram):
            for (bound, count) in zip(histogram.upperBounds, histogram.cumulativeCounts) {
                appendLine(name + "_bucket", sample.labels, le: number(bound), String(count), to: &text)
            }
            let count = String(histogram.count)
            appendLine(name + "_bucket", sample.labels, le: "+Inf", count, to: &text)
            appendLine(name + "_sum", sample.labels, number(histogram.sum), to: &text)
            appendLine(name + "_count", sample.labels, count, to: &text)
        }
    }

    private static func appendLine(
        _ name: String, _ labels: MetricLabels, le: String? = nil, _ value: String, to text: inout String
    ) {
        var pairs = labels.pairs.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }
        if let le { pairs.append("le=\"\(le)\"") }
        text += name
        if !pairs.isEmpty { text += "{\(pairs.joined(separator: ","))}" }
        text += " \(value)\n"
    }

    /// Escapes backslashes and line feeds, and quotation marks if `quotes` is true (label values).
    private static func escaped(_ string: String, quotes: Bool) -> String {
        guard string.utf8.contains(where: { $0 == 0x5C || $0 == 0x0A || $0 == 0x22 }) else { return string }
        var result = ""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Returns the shortest text that parses back to the same value. Whole numbers up to 2^53 have no fraction or
    /// exponent.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value.magnitude <= 9_007_199_254_740_992, let whole = Int64(exactly: value) { return String(whole) }
        return value.description
    }
}

/// Conversions from names of the metrics API (`http.server.requests`) to valid Prometheus names.
///
/// Source: Prometheus, "Data model", metric names and labels.
package enum PrometheusName {
    /// Returns a valid metric name. Allowed are letters, digits, `_` and `:`; other bytes become `_`. The name is never
    /// empty and never starts with a digit.
    package static func metric(_ name: String) -> String {
        sanitise(name, colon: true)
    }

    /// Returns a valid label name of letters, digits and `_`. Prometheus reserves names that start with `__`, so
    /// leading underscores are reduced to one.
    package static func label(_ name: String) -> String {
        var label = sanitise(name, colon: false)
        while label.hasPrefix("__") { label.removeFirst() }
        return label
    }

    /// Returns a family's name as written in the Prometheus text: counters end in `_total`, timers in their unit,
    /// `_seconds`.
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
