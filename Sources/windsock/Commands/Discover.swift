import ArgumentParser
import Core
import Foundation
import Gateway
import Logging
import MQTTTransport
import ServiceLifecycle
import Telemetry

/// The command `windsock discover`, which shows what a broker carries that no route takes.
struct Discover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the topics of the broker that no route takes, and suggest routes for them.",
        discussion: """
            Listens to the broker for a while without publishing anything. It uses the broker and the routes of the \
            configuration, and needs no running gateway. Ctrl-C ends the listening early.
            Example: windsock discover --for 20s --mqtt-url mqtt://broker.example --filter 'home/#'
            """)

    private static var durations: ValueFormat<Duration> { .duration(in: .seconds(1)...(.seconds(86_400))) }

    @Option(name: .customLong("for"), help: "How long to listen.")
    var duration = "60s"

    @Option(help: "The topics to listen to; default: mqtt.discovery_filter, which is #.")
    var filter: String?

    @Flag(help: "Print one JSON object, for scripts.")
    var json = false

    @OptionGroup var settings: SettingsOptions

    func run() async throws {
        try await Exit.reporting {
            Signals.ignoreStrays()
            guard let length = Self.durations.parse(duration) else {
                throw ConfigurationError(origin: "--for", problem: Self.durations.problem(with: duration))
            }
            var sources = try settings.sources()
            if let filter { sources.flags["mqtt.discovery_filter"] = filter }
            let configuration = try GatewayConfiguration(sources)
            guard let filter = configuration.discovery?.filter else { return }
            let discovery = try TopicDiscovery(
                configuration, filter: filter, clientID: "windsock-discover-\(RandomIDGenerator().next().prefix(12))",
                logger: SettingsOptions.logger(level: .error))
            if !json {
                Console.error(
                    "Listening to \(filter) on \(configuration.mqtt.host):\(configuration.mqtt.port) "
                        + "for \(DurationText.format(length)) …")
            }
            try await ServiceGroup(
                configuration: .serving(
                    [
                        .init(service: discovery, successTerminationBehavior: .ignore),
                        .init(
                            service: Listening(discovery: discovery, duration: length),
                            successTerminationBehavior: .gracefullyShutdownGroup),
                    ], endsWithTerminal: true, logger: SettingsOptions.logger(level: .error))
            ).run()
            if let problem = discovery.problem, discovery.topicCount == 0 { throw Unavailable(description: problem) }
            Console.print(
                json ? String(decoding: discovery.json(), as: UTF8.self) : TopicTable(discovery.report()).text)
        }
    }
}

/// A service that ends after a time, or when the broker cannot be listened to.
private struct Listening: Service {
    let discovery: TopicDiscovery
    let duration: Duration

    func run() async throws {
        await cancelWhenGracefulShutdown {
            let end = ContinuousClock.now + duration
            while ContinuousClock.now < end, discovery.problem == nil,
                (try? await Task.sleep(for: .milliseconds(100))) != nil
            {}
        }
    }
}

/// A report of topics as text: a table of patterns, the routes to copy, and the patterns that no route helps.
struct TopicTable {
    private static let maxPatternWidth = 56
    private static let maxSampleWidth = 48

    private let report: TopicReport

    init(_ report: TopicReport) {
        self.report = report
    }

    var text: String {
        guard !report.entries.isEmpty else {
            return report.counts.taken > 0
                ? "No other topics: the routes take all \(report.counts.taken) messages that arrived."
                : "No message arrived."
        }
        return (table + footnotes + routes + others).joined(separator: "\n")
    }

    private var table: [String] {
        let rows = report.entries.map { entry in
            let pattern = entry.pattern
            let rate = pattern.messagesPerMinute(at: report.time).map { String(format: "%.1f", $0) } ?? "-"
            let age = DurationText.format(.seconds(Int(report.time.since(pattern.sample.lastAt) / .seconds(1))))
            return [
                Self.cut(PayloadExcerpt.escaped(pattern.filter), Self.maxPatternWidth), "\(pattern.topicCount)",
                "\(pattern.liveCount + pattern.retainedCount)\(pattern.sample.isRetained ? " R" : "")", rate, age,
                Self.cut(entry.excerpt.isHex ? "0x \(entry.excerpt.text)" : entry.excerpt.text, Self.maxSampleWidth),
            ]
        }
        let lines = [["PATTERN", "TOPICS", "MESSAGES", "PER MIN", "AGE", "SAMPLE"]] + rows
        let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { cells in
            zip(cells, widths).enumerated().map { column, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return (1...4).contains(column) ? space + cell.0 : column == 5 ? cell.0 : cell.0 + space
            }.joined(separator: "  ")
        }
    }

    private var footnotes: [String] {
        var notes: [String] = []
        if report.entries.contains(where: \.pattern.sample.isRetained) { notes.append("R: the sample was retained.") }
        if report.patternCount > report.entries.count {
            notes.append("\(report.patternCount - report.entries.count) more patterns are not shown.")
        }
        if report.counts.unexamined > 0 { notes.append("\(report.counts.unexamined) messages were not examined.") }
        if report.counts.taken > 0 { notes.append("The routes take \(report.counts.taken) more messages.") }
        return notes.isEmpty ? [] : [""] + notes
    }

    /// The suggested routes, each once. They are in the order of their first pattern.
    private var routes: [String] {
        var lines: [String] = []
        var seen: Set<String> = []
        for case let suggestion? in report.entries.map(\.suggestion)
        where seen.insert(suggestion.route.pattern).inserted {
            let reading = suggestion.readings[0]
            let note = suggestion.note.map { "; \($0)" } ?? ""
            let metrics = reading.metrics.prefix(3).map(\.text).joined(separator: ", ")
            lines.append("  \(suggestion.yaml)  # \(PayloadExcerpt.escaped("\(reading.device): \(metrics)"))\(note)")
        }
        return lines.isEmpty
            ? [] : ["", "For windsock.yaml:", "", "default_routes: true", "routes:"] + lines
    }

    private var others: [String] {
        let lines = report.entries.compactMap { entry in
            entry.problem.map { "  \(PayloadExcerpt.escaped(entry.pattern.filter)): \(PayloadExcerpt.escaped($0))" }
        }
        return lines.isEmpty ? [] : ["", "Without a route:"] + lines
    }

    private static func cut(_ text: String, _ width: Int) -> String {
        text.count > width ? "\(text.prefix(width - 1))…" : text
    }
}
