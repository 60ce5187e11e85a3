/// Writes metrics in the Prometheus text format, version 0.0.4.
///
/// Source: Prometheus, "Exposition formats", text-based format. The order is that of the families and samples given,
/// so that two scrapes differ in values only.
package enum PrometheusText {
    /// The value of `Content-Type` for what ``render(_:)`` returns.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// All of `registry` as of now.
    package static func render(_ registry: MetricsRegistry) -> String {
        render(registry.snapshot())
    }

    /// `families`, each with its help (when it has one), its type, and a line a value.
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

    /// Escapes what the format requires: backslash and line feed, and in label values the quotation mark.
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

    /// The shortest form that reads back equal; whole numbers up to 2^53 without fraction or exponent.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value.magnitude <= 9_007_199_254_740_992, let whole = Int64(exactly: value) { return String(whole) }
        return value.description
    }
}
