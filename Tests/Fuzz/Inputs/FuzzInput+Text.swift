import Core

#if DEBUG || FUZZING
    @testable import Telemetry

    extension FuzzInput {
        /// Small text formats.
        static let text = [
            FuzzInput("json", readJSON), FuzzInput("topics", readTopics), FuzzInput("traceparent", readTraceparent),
            FuzzInput("routes", readRoutes), FuzzInput("homeassistant", readAnnouncement),
        ]

        /// A parsed value survives writing and parsing again.
        private static let readJSON: @Sendable ([UInt8]) -> Bool = { bytes in
            guard let value = try? JSONParser.parse(bytes) else { return false }
            var written: [UInt8] = []
            value.append(to: &written)
            let again = try? JSONParser.parse(written)
            promise(again == value, "\(written) is another value")
            return true
        }

        /// Two filters and a topic, one per line: coverage agrees with matching.
        private static let readTopics: @Sendable ([UInt8]) -> Bool = { bytes in
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            guard lines.count == 3, let one = try? TopicFilter(String(lines[0])),
                let other = try? TopicFilter(String(lines[1])), let topic = try? TopicName(String(lines[2]))
            else { return false }
            promise(one.covers(one) && other.covers(other), "a filter does not cover itself")
            if one.covers(other), other.matches(topic.rawValue) {
                promise(one.matches(topic.rawValue), "\(one) covers \(other), which matches \(topic), but does not")
            }
            let minimal = TopicFilter.minimal([one, other])
            promise(
                minimal.contains { $0.matches(topic.rawValue) }
                    == (one.matches(topic.rawValue) || other.matches(topic.rawValue)),
                "\(minimal) is not \(one) and \(other)")
            return true
        }

        /// An accepted context is written unchanged, except for flags that the specification does not define yet.
        private static let readTraceparent: @Sendable ([UInt8]) -> Bool = { bytes in
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", maxSplits: 1)
            guard let first = lines.first else { return false }
            let state = lines.count > 1 ? String(lines[1]) : nil
            guard let context = TraceContext(traceparent: first, state: state) else { return false }
            var written: [UInt8] = []
            context.write(to: &written)
            let again = TraceContext(traceparent: String(decoding: written, as: UTF8.self), state: state)
            var expected = context
            expected.flags &= 1
            promise(again == expected, "\(first) was written as another context")
            return true
        }

        /// A pattern and a topic, one per line.
        private static let readRoutes: @Sendable ([UInt8]) -> Bool = { bytes in
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            guard lines.count == 2 else { return false }
            let pattern = String(lines[0])
            let topic = String(lines[1])
            let routes = [try? TopicRoute(pattern: pattern)].compactMap(\.self)
            let statuses = [try? StatusRoute(pattern: pattern)].compactMap(\.self)
            // A topic that matches both is a status topic.
            return [
                TelemetryDecoder(routes: routes, statusRoutes: []),
                TelemetryDecoder(routes: [], statusRoutes: statuses),
            ]
            .map { decoder in
                var decoder = decoder
                _ = decoder.statusFilters
                let message = try? decoder.decodeMessage(
                    topic: topic, payload: Array("21.5".utf8),
                    receivedAt: Timestamp(nanosecondsSinceEpoch: 1_750_000_000_000_000_000))
                return message != nil
            }
            .contains(true)
        }

        /// A topic, a discovery message to it and the payload of a state, separated by line feeds. No announcement makes
        /// the gateway subscribe to more than plain topics.
        private static let readAnnouncement: @Sendable ([UInt8]) -> Bool = { bytes in
            let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 2, omittingEmptySubsequences: false)
            guard lines.count == 3 else { return false }
            var registry = EntityRegistry()
            let topic = String(decoding: lines[0], as: UTF8.self)
            guard registry.receive(topic: topic, payload: Array(lines[1])) != nil else { return false }
            let topics = DiscoveredTopics(registry.entities, room: .standard, routes: [], statusRoutes: [])
            var decoder = TelemetryDecoder(routes: [], statusRoutes: [], discovered: topics)
            var isRead = false
            for topic in topics.topics {
                let filter = try? TopicFilter(topic)
                promise(
                    filter?.isName == true && topic.utf8.first != UInt8(ascii: "$"), "\(topic) is not a plain topic")
                let message = try? decoder.decodeMessage(
                    topic: topic, payload: Array(lines[2]),
                    receivedAt: Timestamp(nanosecondsSinceEpoch: 1_750_000_000_000_000_000))
                if case .readings? = message { isRead = true }
            }
            _ = registry.receive(topic: topic, payload: [])
            promise(registry.entities.isEmpty, "an empty message leaves entities")
            return isRead
        }
    }
#endif
