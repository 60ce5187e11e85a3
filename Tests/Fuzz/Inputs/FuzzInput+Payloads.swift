import Core

#if DEBUG || FUZZING
    @testable import Telemetry

    extension FuzzInput {
        /// Device payloads by convention. The first byte selects the topic.
        static let payloads =
            PayloadConvention.allCases.map { convention in
                FuzzInput("payload-\(convention.rawValue)") { read($0, as: convention) }
            } + [
                FuzzInput("payload-mapped", readMapped), FuzzInput("status", readStatus),
                FuzzInput("discovery", readDiscovery),
            ]

        private static let topics = [
            "a/d1", "a/d1/temperature", "tele/d1/SENSOR", "tele/d1/STATE", "zigbee2mqtt/d1", "n/sensor/t/state",
            "v1/devices/me/telemetry", "v1/gateway/telemetry", "a/d1/x/y/z", "shellies/d1/relay/0/power",
            "shellies/d1/sensor/state", "p/d1/status/switch:0", "p/d1/events/rpc", "v3/app@tenant/devices/d1/up",
            "application/app/device/d1/event/up", "owntracks/user/d1", "zigbee2mqtt/kitchen/d1", "stat/d1/STATUS10",
            "homeassistant/sensor/d1/state", "telegraf/d1/cpu",
        ]
        private static let receivedAt = Timestamp(nanosecondsSinceEpoch: 1_750_000_000_000_000_000)
        private static let limits = DecodingLimits()

        private static func read(_ bytes: [UInt8], as convention: PayloadConvention) -> Bool {
            guard let first = bytes.first,
                let route = try? TopicRoute(pattern: "+/{device}/#", convention: convention, allowsForeignDevices: true)
            else { return false }
            return read(Array(bytes.dropFirst()), to: topics[Int(first) % topics.count], route)
        }

        /// A path in the first line, whose first byte selects what the path is for, and the payload.
        private static let readMapped: @Sendable ([UInt8]) -> Bool = { bytes in
            let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
            guard lines.count == 2, let role = lines[0].first,
                let path = try? PayloadPath(String(decoding: lines[0].dropFirst(), as: UTF8.self))
            else { return false }
            var paths = PayloadMapping.Paths()
            var metrics: [MappedMetric] = []
            switch role % 6 {
            case 0: paths.each = path
            case 1: paths.values = path
            case 2: paths.value = path
            case 3: (paths.value, paths.metric, paths.unit) = (path, path, path)
            case 4: (paths.device, paths.time) = (path, path)
            default: metrics = [MappedMetric("m", at: path, change: MetricChange(unit: "°F", scale: 0.1, offset: -40))]
            }
            let mapping = PayloadMapping(
                paths: paths, metrics: metrics, renames: [MetricRename("a", to: "b")], drops: ["c"],
                states: MetricStates([.init("on", 1)]))
            guard
                let route = try? TopicRoute(
                    pattern: "a/{device}", convertsFahrenheit: true, allowsForeignDevices: true, mapping: mapping)
            else { return false }
            return read(Array(lines[1]), to: "a/d1", route)
        }

        /// Decodes a message to a topic of a route, and checks the promises about its readings.
        private static func read(_ payload: [UInt8], to topic: String, _ route: TopicRoute) -> Bool {
            var decoder = TelemetryDecoder(routes: [route], statusRoutes: [])
            guard let readings = try? decoder.decode(topic: topic, payload: payload, receivedAt: receivedAt) else {
                return false
            }
            promise((1...limits.maxReadingsPerPayload).contains(readings.count), "\(readings.count) readings")
            promise(
                readings.reduce(0) { $0 + $1.metrics.count } <= limits.maxMetricsPerPayload, "too many metrics in all")
            for reading in readings {
                promise(
                    (1...limits.maxMetricsPerReading).contains(reading.metrics.count),
                    "\(reading.metrics.count) metrics")
                promise(
                    Set(reading.metrics.map { ExactString($0.name) }).count == reading.metrics.count, "a name twice")
                for metric in reading.metrics {
                    promise(metric.value.isFinite, "\(metric.name) is \(metric.value)")
                    promise(
                        (1...Metric.maximumNameByteCount).contains(metric.name.utf8.count),
                        "a name of \(metric.name.utf8.count) bytes")
                }
                promise((try? TopicName(reading.room)) != nil, "the room \(reading.room) is no name")
            }
            promise(
                (try? decoder.decode(topic: topic, payload: payload, receivedAt: receivedAt)) == readings,
                "the same payload gives other readings")
            return true
        }

        /// Reads messages in lines of topic, tab and payload, as the sampling of topics receives them.
        private static let readDiscovery: @Sendable ([UInt8]) -> Bool = { bytes in
            var sampler = TopicSampler(excluding: [], at: receivedAt)
            for line in bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 200) {
                let parts = line.split(separator: UInt8(ascii: "\t"), maxSplits: 1, omittingEmptySubsequences: false)
                guard let topic = String(validating: parts[0], as: UTF8.self) else { continue }
                sampler.add(topic: topic, payload: Array(parts.dropFirst().joined()), isRetained: false, at: receivedAt)
            }
            let report = TopicReport(sampler, at: receivedAt, limits: limits)
            promise(
                report.entries.count < report.patternCount
                    || report.entries.reduce(0) { $0 + $1.pattern.topicCount } == report.topicCount, "a topic is lost")
            for entry in report.entries {
                let (pattern, sample) = (entry.pattern.filter, entry.pattern.sample.name)
                promise((try? TopicFilter(pattern))?.matches(sample) == true, "\(pattern) does not match \(sample)")
                guard let route = entry.suggestion?.route else { continue }
                promise(route.captures(in: sample) != nil, "\(route) does not match \(sample)")
            }
            var body = JSONObjectBuilder()
            report.add(to: &body)
            promise((try? JSONParser.parse(body.finished())) != nil, "the report is no JSON")
            return !report.entries.isEmpty
        }

        private static let readStatus: @Sendable ([UInt8]) -> Bool = { bytes in
            var decoder = TelemetryDecoder()
            return [
                "sensors/d1/status", "tele/d1/LWT", "zigbee2mqtt/d1/availability", "shellies/d1/online",
            ].contains { topic in
                (try? decoder.decodeMessage(topic: topic, payload: bytes, receivedAt: receivedAt)) != nil
            }
        }
    }
#endif
