package import Core

/// A report of a ``TopicSampler`` for people: patterns of topics, each with a sample, what the conventions make of it,
/// and a route that takes it.
package struct TopicReport: Sendable {
    /// A pattern with what the report says about it.
    package struct Entry: Sendable {
        package let pattern: TopicPattern
        package let excerpt: PayloadExcerpt
        /// Empty when only the beginning of the payload is known.
        package let trials: [ConventionTrial]
        package let suggestion: RouteSuggestion?
        /// The reason that there is no suggestion.
        package let problem: String?
    }

    /// The maximum number of entries.
    package static let maxEntries = 300

    package let time: Timestamp
    /// Those with the most messages, first the most.
    package let entries: [Entry]
    /// The number of patterns, of which ``entries`` describes the first.
    package let patternCount: Int
    package let topicCount: Int
    package let counts: TopicSampler.Counts

    package init(_ sampler: TopicSampler, at time: Timestamp, limits: DecodingLimits) {
        let patterns = TopicFolding.patterns(of: sampler.topics)
        self.time = time
        entries = patterns.prefix(Self.maxEntries).map { Self.entry($0, at: time, limits: limits) }
        patternCount = patterns.count
        topicCount = sampler.topicCount
        counts = sampler.counts
    }

    private static func entry(_ pattern: TopicPattern, at time: Timestamp, limits: DecodingLimits) -> Entry {
        let sample = pattern.sample
        let excerpt = PayloadExcerpt(of: sample.payload, byteCount: sample.payloadByteCount)
        guard sample.isWhole else {
            return Entry(
                pattern: pattern, excerpt: excerpt, trials: [], suggestion: nil,
                problem: "only \(sample.payload.count) of the payload's \(sample.payloadByteCount) bytes were kept")
        }
        let captures = RouteSuggestion.route(for: pattern)?.captures(in: sample.name) ?? [:]
        let context = DecodingContext(
            topic: sample.name, device: captures["device"].flatMap { DeviceID($0) }, metric: captures["metric"],
            receivedAt: time, limits: limits)
        let trials = ConventionTrial.all(of: sample.payload, context: context)
        do throws(DecodeError) {
            let suggestion = try RouteSuggestion(for: pattern, at: time, limits: limits)
            return Entry(pattern: pattern, excerpt: excerpt, trials: trials, suggestion: suggestion, problem: nil)
        } catch {
            return Entry(pattern: pattern, excerpt: excerpt, trials: trials, suggestion: nil, problem: "\(error)")
        }
    }
}

/// The report as JSON, as in `GET /api/topics` and `windsock discover --json`.
extension TopicReport {
    /// Adds the members of the report to an object.
    package func add(to body: inout JSONObjectBuilder) {
        body.add("topics", topicCount)
        body.add("taken_messages", counts.taken)
        body.add("unexamined_messages", counts.unexamined + counts.unusable)
        body.add("forgotten_topics", counts.forgottenTopics)
        body.add("total", patternCount)
        body.add("patterns", objects: entries.map { $0.json(at: time) })
    }
}

extension TopicReport.Entry {
    /// The length above which the text about a convention is cut.
    private static let maxTextScalars = 300

    fileprivate func json(at now: Timestamp) -> [UInt8] {
        let sample = pattern.sample
        var object = JSONObjectBuilder()
        object.add("pattern", pattern.filter)
        object.add("topics", pattern.topicCount)
        object.add("messages", pattern.liveCount)
        object.add("retained_messages", pattern.retainedCount)
        if let rate = pattern.messagesPerMinute(at: now) { object.add("per_minute", (rate * 100).rounded() / 100) }
        object.add("first_at", time: pattern.firstAt)
        object.add("last_at", time: sample.lastAt)
        object.add("sample", object: sampleJSON)
        object.add(
            "conventions",
            objects: trials.map { trial in
                var object = JSONObjectBuilder()
                object.add("convention", trial.convention.rawValue)
                object.add("accepted", trial.isAccepted)
                object.add("text", Self.cut(trial.text))
                return object.finished()
            })
        if let suggestion {
            var route = JSONObjectBuilder()
            route.add("topic", suggestion.route.pattern)
            route.add("yaml", suggestion.yaml)
            route.add("readings", array: suggestion.readings.prefix(4).map { Self.cut(Self.text($0)) })
            if let note = suggestion.note { route.add("note", note) }
            object.add("route", object: route.finished())
        }
        if let problem { object.add("problem", Self.cut(problem)) }
        return object.finished()
    }

    private var sampleJSON: [UInt8] {
        var object = JSONObjectBuilder()
        object.add("topic", pattern.sample.name)
        object.add("payload", excerpt.text)
        object.add("encoding", excerpt.isHex ? "hex" : "text")
        object.add("bytes", pattern.sample.payloadByteCount)
        object.add("cut", excerpt.isCut)
        object.add("retained", pattern.sample.isRetained)
        return object.finished()
    }

    private static func text(_ reading: Reading) -> String {
        "\(reading.device) in \(reading.room): \(reading.metrics.map(\.text).joined(separator: ", "))"
    }

    private static func cut(_ text: String) -> String {
        let escaped = PayloadExcerpt.escaped(text)
        let head = escaped.unicodeScalars.prefix(maxTextScalars)
        return String(String.UnicodeScalarView(head)) + (head.endIndex == escaped.endIndex ? "" : "…")
    }
}
