import Metrics
import Testing

@testable import Observability

@Suite("The Prometheus text format of /metrics")
struct PrometheusTextTests {
    let registry = MetricsRegistry(
        configuration: MetricsConfiguration(
            recorderBuckets: HistogramBuckets([10, 1, 100, 10, .infinity]),
            bucketsByName: ["hop.time": HistogramBuckets([0.1, 1])]))

    private func scrape() throws -> Exposition { try Exposition(PrometheusText.render(registry)) }

    @Test("A counter's name ends in _total, and integer and fractional increments add up")
    func counters() throws {
        Counter(label: "http.requests", factory: registry).increment(by: 3)
        FloatingPointCounter(label: "http.requests", factory: registry).increment(by: 0.5)
        Counter(label: "seen_total", factory: registry).increment()
        let text = try scrape()
        #expect(text.types["http_requests_total"] == "counter")
        #expect(text.value("http_requests_total") == 3.5)
        #expect(text.value("seen_total") == 1)
    }

    @Test("A counter decreases only by a reset")
    func countersOnlyRise() throws {
        let counter = Counter(label: "c", factory: registry)
        let floating = FloatingPointCounter(label: "f", factory: registry)
        counter.increment(by: 5)
        counter.increment(by: -3)
        for amount in [2, -1, .nan, .infinity] { floating.increment(by: amount) }
        #expect(try scrape().value("c_total") == 5)
        #expect(try scrape().value("f_total") == 2)
        counter.reset()
        #expect(try scrape().value("c_total") == 0)
    }

    @Test("Gauges and meters export the last value plus later increments")
    func gauges() throws {
        Gauge(label: "queue.bytes", dimensions: [("shard", "1")], factory: registry).record(-2.25)
        let meter = Meter(label: "clients", factory: registry)
        meter.set(10)
        meter.increment(by: 2.5)
        meter.decrement(by: 0.5)
        let text = try scrape()
        #expect(text.types["queue_bytes"] == "gauge")
        #expect(text.value("queue_bytes", ["shard": "1"]) == -2.25)
        #expect(text.value("clients") == 12)
    }

    @Test("Timers are histograms in seconds with cumulative buckets and inclusive upper bounds")
    func timers() throws {
        let timer = Timer(label: "hop.time", dimensions: [("hop", "commit")], factory: registry)
        timer.recordMilliseconds(100)
        timer.recordMilliseconds(101)
        timer.recordSeconds(2)
        let text = try scrape()
        #expect(text.types["hop_time_seconds"] == "histogram")
        let bucket = "hop_time_seconds_bucket"
        #expect(text.value(bucket, ["hop": "commit", "le": "0.1"]) == 1)
        #expect(text.value(bucket, ["hop": "commit", "le": "1"]) == 2)
        #expect(text.value(bucket, ["hop": "commit", "le": "+Inf"]) == 3)
        #expect(text.value("hop_time_seconds_count", ["hop": "commit"]) == 3)
        #expect(abs((text.value("hop_time_seconds_sum", ["hop": "commit"]) ?? 0) - 2.201) < 1e-9)
    }

    @Test("Recorders use the configured buckets, sorted, unique and finite")
    func recorders() throws {
        let recorder = Recorder(label: "batch", factory: registry)
        for value in [0.5, 1, 5, 1000, .nan, .infinity] { recorder.record(value) }
        let text = try scrape()
        #expect(text.all("batch_bucket").map { $0.labels["le"] } == ["1", "10", "100", "+Inf"])
        #expect(text.all("batch_bucket").map(\.value) == [2, 3, 3, 4])
        #expect(text.value("batch_sum") == 1006.5)
    }

    @Test(
        "Metric names are converted to valid Prometheus names",
        arguments: [
            ("http.server-requests", "http_server_requests"), ("9lives", "_9lives"), ("größe", "gr____e"),
            ("a:b", "a:b"), ("", "_"),
        ])
    func names(name: String, expected: String) throws {
        Gauge(label: name, factory: registry).record(1)
        #expect(try scrape().value(expected) == 1)
    }

    @Test("Label names are sanitised, and reserved names are avoided")
    func labelNames() throws {
        let dimensions = [("room.id", "a"), ("le", "b"), ("__name__", "c"), ("x:y", "d")]
        Timer(label: "t", dimensions: dimensions, factory: registry).recordSeconds(1)
        let labels = try #require(try scrape().all("t_seconds_count").first).labels
        #expect(labels == ["room_id": "a", "le_": "b", "_name__": "c", "x_y": "d"])
    }

    @Test("Quotes, backslashes and line feeds are escaped in label values and help texts")
    func escaping() throws {
        let value = "a\"b\\c\nd\\n é"
        registry.describe("odd.gauge", "one\\two\nthree \"quoted\"")
        Gauge(label: "odd.gauge", dimensions: [("v", value)], factory: registry).record(1)
        let text = try scrape()
        #expect(text.value("odd_gauge", ["v": value]) == 1)
        #expect(text.help["odd_gauge"] == "one\\\\two\\nthree \"quoted\"")
    }

    @Test("A help text is found by the name in the code, without the exported suffix")
    func help() throws {
        Counter(label: "readings", factory: registry).increment()
        registry.describe("readings", "Readings taken.")
        #expect(try scrape().help["readings_total"] == "Readings taken.")
    }

    @Test(
        "Numbers survive a round trip through the text",
        arguments: [0.1, 1e-9, 1e21, -0.0, 9_007_199_254_740_993, .infinity, -.infinity, 123_456_789.125])
    func numbers(number: Double) throws {
        Gauge(label: "n", factory: registry).record(number)
        #expect(try scrape().value("n") == number)
    }

    @Test("The order of the lines does not depend on the order of creation")
    func order() throws {
        let other = MetricsRegistry()
        let names = (0..<40).map { ("metric\($0 % 7)", [("b", "\($0 % 3)"), ("a", "\($0)")]) }
        for (name, labels) in names { Gauge(label: name, dimensions: labels, factory: registry).record(1) }
        for (name, labels) in names.reversed() {
            Gauge(label: name, dimensions: labels.reversed(), factory: other).record(1)
        }
        #expect(PrometheusText.render(registry) == PrometheusText.render(other))
        #expect(try scrape().all("metric0").count == 6)
    }
}
