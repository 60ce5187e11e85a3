package import Core

/// The changes that a route makes to metrics, whatever convention decodes them: new names, dropped metrics, units, scales
/// and the numbers that stand for text states.
///
/// A metric is looked up by the name that the payload gives it. ``MetricCollector`` applies the rules.
package struct MetricRules: Hashable, Sendable {
    /// The maximum number of renamed metrics, of dropped metrics, and of metrics with an entry of their own.
    package static let maximumCount = 64

    /// The rule for one metric of the payload.
    struct Rule: Hashable, Sendable {
        /// The name in the payload.
        let original: ExactString
        /// The name of the metric.
        let name: String
        let isDropped: Bool
        let change: MetricChange
    }

    /// The number of rules up to which a search is faster than hashing a name.
    private static let linearSearchLimit = 8

    private let rules: [Rule]
    /// The index of each name in ``rules``. Empty if there are only a few.
    private let indices: [ExactString: Int]
    /// The states of metrics without states of their own.
    private let states: MetricStates?

    /// Creates rules; `nil` if there is nothing to change.
    ///
    /// - Parameters:
    ///   - changes: Changes by the metric's new name.
    ///   - renames: New names by the name in the payload.
    ///   - drops: Names in the payload. An object with such a name is dropped with all that it contains.
    init?(changes: [MappedMetric], renames: [MetricRename], drops: [String], states: MetricStates?) {
        var rules: [Rule] = []
        var names: Set<ExactString> = []
        func add(_ original: String, as name: String, isDropped: Bool = false) {
            guard names.insert(ExactString(original)).inserted else { return }
            let name = ExactString(name) == ExactString(original) ? original : name
            let change = changes.first { ExactString($0.name) == ExactString(name) }?.change
            rules.append(
                Rule(
                    original: ExactString(original), name: name, isDropped: isDropped, change: change ?? MetricChange())
            )
        }
        for name in drops { add(name, as: name, isDropped: true) }
        for rename in renames { add(rename.original, as: rename.name) }
        for metric in changes { add(metric.name, as: metric.name) }
        if rules.isEmpty, states == nil { return nil }
        self.rules = rules
        self.states = states
        indices =
            rules.count > Self.linearSearchLimit
            ? Dictionary(uniqueKeysWithValues: rules.enumerated().map { ($1.original, $0) }) : [:]
    }

    /// Returns the rule for a metric of the payload, if it has one.
    @inline(__always)
    func rule(for name: String) -> Rule? {
        let name = ExactString(name)
        if indices.isEmpty { return rules.first { $0.original == name } }
        return indices[name].map { rules[$0] }
    }

    /// Returns the number that a text stands for, if a rule says so.
    func state(_ text: String, of name: String) -> Double? {
        (rule(for: name)?.change.states ?? states)?.value(of: text)
    }
}

/// A metric that is renamed.
package struct MetricRename: Hashable, Sendable {
    /// The name in the payload.
    package var original: String
    package var name: String

    package init(_ original: String, to name: String) {
        self.original = original
        self.name = name
    }
}

/// A change to the values of one metric: `value × scale + offset`, in `unit`.
package struct MetricChange: Hashable, Sendable {
    /// The maximum length of a unit in bytes.
    package static let maximumUnitByteCount = MetricCollector.maximumUnitByteCount

    /// The unit; `nil` keeps the payload's.
    package var unit: String?
    package var scale: Double
    package var offset: Double
    /// The numbers that stand for text values; `nil` for those of the route.
    package var states: MetricStates?

    package init(unit: String? = nil, scale: Double = 1, offset: Double = 0, states: MetricStates? = nil) {
        self.unit = unit
        self.scale = scale
        self.offset = offset
        self.states = states
    }

    /// Returns the changed value. It is rounded to 15 significant digits, so that 3300 × 0.001 is 3.3 and not
    /// 3.3000000000000003.
    func apply(to value: Double) -> Double {
        if scale == 1, offset == 0 { return value }
        let changed = value * scale + offset
        guard (1e-6..<1e15).contains(changed.magnitude) else { return changed }
        // Powers of ten up to 1e22 are exact.
        var power = 1e14
        var limit = changed.magnitude
        while limit >= 10 {
            limit /= 10
            power /= 10
        }
        while limit < 1 {
            limit *= 10
            power *= 10
        }
        return (changed * power).rounded() / power
    }
}

/// The numbers that stand for the text states of a device, such as `open` for 1 and `closed` for 0.
package struct MetricStates: Hashable, Sendable {
    /// The maximum number of states.
    package static let maximumCount = 64
    /// The maximum length of a state in bytes.
    package static let maximumByteCount = 64

    /// The states in the order of the configuration.
    package let pairs: [Pair]
    private let values: [ExactString: Double]

    /// A state and its number.
    package struct Pair: Hashable, Sendable {
        package var text: String
        package var value: Double

        package init(_ text: String, _ value: Double) {
            self.text = text
            self.value = value
        }
    }

    /// Creates states. Of equal texts the first counts.
    package init(_ pairs: [Pair]) {
        self.pairs = pairs
        values = Dictionary(pairs.map { (ExactString($0.text), $0.value) }) { first, _ in first }
    }

    /// Returns the number of a state; `nil` for other texts.
    func value(of text: String) -> Double? {
        text.utf8.count <= Self.maximumByteCount ? values[ExactString(text)] : nil
    }
}
