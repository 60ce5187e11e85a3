import Core
import Metrics
import Synchronization
import Testing

@testable import Observability

@Suite("Metrics from several threads")
struct ConcurrencyTests {
    @Test("Concurrent increments, records and additions are all counted")
    func concurrentRecording() async throws {
        let registry = MetricsRegistry()
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for step in 0..<5_000 {
                        // Handles are created each time, as request middleware does.
                        Counter(label: "c", factory: registry).increment()
                        FloatingPointCounter(label: "f", factory: registry).increment(by: 0.5)
                        Timer(label: "t", factory: registry).recordMilliseconds(step % 2 == 0 ? 1 : 400)
                        Counter(label: "own", dimensions: [("task", "\(task)")], factory: registry).increment()
                    }
                }
            }
            group.addTask {
                for _ in 0..<50 { _ = PrometheusText.render(registry) }
            }
        }
        let text = try Exposition(PrometheusText.render(registry))
        #expect(text.value("c_total") == 40_000)
        #expect(text.value("f_total") == 20_000)
        #expect(text.value("t_seconds_count") == 40_000)
        #expect(text.value("t_seconds_bucket", ["le": "0.001"]) == 20_000)
        #expect(abs((text.value("t_seconds_sum") ?? 0) - 20_000 * 0.401) < 1e-3)
        #expect(text.all("own_total").map(\.value) == Array(repeating: 5_000, count: 8))
    }

    @Test("Concurrent additions to the same series are all counted")
    func contention() async throws {
        let registry = MetricsRegistry()
        let counter = FloatingPointCounter(label: "f", factory: registry)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { for _ in 0..<200_000 { counter.increment(by: 0.5) } }
            }
        }
        #expect(try Exposition(PrometheusText.render(registry)).value("f_total") == 400_000)
    }

    @Test("A name and its labels identify a series, in any order of the labels")
    func identity() throws {
        let registry = MetricsRegistry()
        Counter(label: "a.b", dimensions: [("x", "1"), ("y", "2")], factory: registry).increment()
        Counter(label: "a_b", dimensions: [("y", "2"), ("x", "1")], factory: registry).increment()
        #expect(try Exposition(PrometheusText.render(registry)).value("a_b_total", ["x": "1", "y": "2"]) == 2)
    }

    @Test("An observed value is read at each scrape; nil omits the line, and a later closure replaces an earlier one")
    func observed() throws {
        let registry = MetricsRegistry()
        let calls = Atomic<Int>(0)
        registry.observe("depth", help: "Depth.", labels: [("q", "a")]) { -1 }
        registry.observe("depth", labels: [("q", "a")]) {
            // A closure may use the registry because it runs outside of the lock.
            Counter(label: "asked", factory: registry).increment()
            return Double(calls.wrappingAdd(1, ordering: .relaxed).newValue)
        }
        registry.observe("absent") { nil }
        registry.observe("spent.seconds", kind: .counter) { 1.5 }
        let text = try Exposition(PrometheusText.render(registry))
        #expect(text.value("depth", ["q": "a"]) == 1)
        #expect(text.help["depth"] == "Depth.")
        #expect(text.types["absent"] == nil)
        #expect(text.types["spent_seconds_total"] == "counter")
        #expect(try Exposition(PrometheusText.render(registry)).value("depth", ["q": "a"]) == 2)
    }
}

@Suite("Limits of the registry")
struct MetricsLimitTests {
    private let drops = Drops()
    private let registry: MetricsRegistry

    private final class Drops: Sendable {
        let names = Lock<[String]>([])
    }

    init() {
        registry = MetricsRegistry(configuration: MetricsConfiguration(maxSeries: 3)) { [drops] name, _ in
            drops.names.withLock { $0.append(name) }
        }
    }

    private func scrape() throws -> Exposition { try Exposition(PrometheusText.render(registry)) }

    @Test("Label sets beyond the limit share one series; the first is reported and all are counted")
    func overflow() throws {
        for user in 0..<10 {
            Counter(label: "hits", dimensions: [("user", "\(user)")], factory: registry).increment()
        }
        let text = try scrape()
        #expect(text.all("hits_total").count == 4)
        #expect(text.value("hits_total", ["overflow": "true"]) == 7)
        #expect(text.value(MetricsRegistry.droppedSeriesName) == 7)
        #expect(text.value(MetricsRegistry.seriesName) == 3)
        #expect(drops.names.withLock { $0 } == ["hits"])
    }

    @Test("A new name beyond the limit is not exported; known series continue to count")
    func newNames() throws {
        let known = Counter(label: "known", factory: registry)
        for index in 0..<10 { Gauge(label: "g\(index)", factory: registry).record(1) }
        known.increment()
        let text = try scrape()
        #expect(text.value("known_total") == 1)
        #expect(text.value("g1") == 1)
        #expect(text.value("g2") == nil)
    }

    @Test("A destroyed series frees its place and starts from zero when it is created again")
    func destroy() throws {
        let counters = (0..<3).map { Counter(label: "n", dimensions: [("i", "\($0)")], factory: registry) }
        for counter in counters { counter.increment() }
        counters[0].destroy()
        Counter(label: "n", dimensions: [("i", "3")], factory: registry).increment()
        let text = try scrape()
        #expect(text.all("n_total").map { $0.labels["i"] } == ["1", "2", "3"])
        #expect(text.value(MetricsRegistry.droppedSeriesName) == 0)
    }

    @Test("A metric whose name has another kind is counted as dropped, not merged")
    func conflictingKinds() throws {
        Recorder(label: "size", factory: registry).record(1)
        Gauge(label: "size", factory: registry).record(7)
        Gauge(label: "size_count", factory: registry).record(7)
        Gauge(label: MetricsRegistry.seriesName, factory: registry).record(7)
        let text = try scrape()
        #expect(text.types["size"] == "histogram")
        #expect(text.all("size_count").map(\.value) == [1])
        #expect(text.all(MetricsRegistry.seriesName).map(\.value) == [1])
        #expect(text.value(MetricsRegistry.droppedSeriesName) == 3)
    }

    @Test("A long label value is truncated")
    func longValues() throws {
        Gauge(label: "g", dimensions: [("v", String(repeating: "é", count: 100_000))], factory: registry).record(1)
        let value = try #require(try scrape().all("g").first?.labels["v"])
        #expect(value == String(repeating: "é", count: MetricLabels.maximumValueLength))
    }
}
