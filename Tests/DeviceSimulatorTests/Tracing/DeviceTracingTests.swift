import Core
import Foundation
import Logging
import MQTTTransport
import OTLP
import TestSupport
import Testing
import Tracing

@testable import DeviceSimulator

/// A device's publish is the first span of its reading's trace, in gateway time even if the device's clock is wrong.
@Suite("Traces of simulated devices", .timeLimit(.minutes(2)))
struct DeviceTracingTests {
    private func run(
        _ profile: DeviceProfile, at broker: MosquittoBroker, tracer: (any Tracer)?, version: Int = 5, count: Int = 3
    ) async throws {
        var mqtt = MQTTConfiguration(port: broker.port, clientID: "simulation")
        if version < 5 { mqtt.protocolVersion = .v311 }
        let simulation = try Simulation(
            profiles: [profile], configuration: SimulationConfiguration(mqtt: mqtt, messagesPerDevice: count),
            tracer: tracer, logger: Logger(label: "simulation"))
        try await withDeadline("the simulation ended", .seconds(30)) { try await simulation.run() }
    }

    @Test(
        "A clock skew of five minutes is corrected by the clock exchange, and recorded in the span",
        arguments: ["-300s", "300s"])
    func skewedClock(_ skew: String) async throws {
        let broker = try await MosquittoBroker.start()
        let log = SpanLog()
        let recorder = MessageRecorder()
        let begin = SystemWallClock().now()
        try await ClockResponder().answering(at: broker) {
            try await recorder.recording(from: broker) {
                try await run(
                    try Profiles.json("clock_skew: \(skew)\ninterval: 5ms"), at: broker,
                    tracer: log.tracer(service: "windsock-device"))
                try await eventually("all messages arrived") {
                    recorder.messages.count { $0.topic == "sensors/probe" } >= 3
                }
            }
        }
        let end = SystemWallClock().now()
        let spans = log.named("publish sensors/{device}")
        #expect(spans.count == 3)
        let expected = skew.hasPrefix("-") ? 300_000.0 : -300_000.0
        for span in spans {
            guard case .double(let offset) = span.attributes.get("clock.offset_ms"),
                case .double(let uncertainty) = span.attributes.get("clock.uncertainty_ms")
            else {
                Issue.record("no offset: \(span.attributes)")
                continue
            }
            #expect(abs(offset - expected) <= uncertainty + 1)
            let margin = Duration.milliseconds(Int(uncertainty.rounded(.up)) + 1)
            #expect(span.start >= begin.advanced(by: .zero - margin) && span.end <= end.advanced(by: margin))
            #expect(span.kind == .producer && span.status == nil)
        }
        let messages = recorder.messages.filter { $0.topic == "sensors/probe" }
        let contexts = messages.map { $0.userProperties.first { $0.name == "traceparent" }?.value }
        #expect(contexts == spans.sorted { $0.start < $1.start }.map(\.context.traceparent))
        // The payload keeps the device's own wrong time.
        let text = String(decoding: try #require(messages.first).payload, as: UTF8.self)
        let stamp = try #require(text.firstMatch(of: #/"(?:ts|time|timestamp)":([0-9.]+)/#).flatMap { Double($0.1) })
        let shift = (stamp > 1e12 ? stamp / 1000 : stamp) - begin.secondsSinceEpoch
        #expect(abs(abs(shift) - 300) < 30)
    }

    @Test("The clock request is repeated for a gateway that starts late, before the first message")
    func lateGateway() async throws {
        let broker = try await MosquittoBroker.start()
        let log = SpanLog()
        try await ClockResponder(ignoring: 2).answering(at: broker) {
            try await run(
                try Profiles.json("clock_skew: 300s\ninterval: 5ms"), at: broker, tracer: log.tracer(), count: 1)
        }
        let span = try #require(log.all.first)
        #expect(span.attributes.get("clock.synchronized") == nil)
        #expect(abs(span.start.since(SystemWallClock().now()) / .seconds(1)) < 60)
    }

    @Test("Without a clock exchange, spans are marked with the device's own time")
    func nobodyAnswers() async throws {
        let broker = try await MosquittoBroker.start()
        let log = SpanLog()
        try await run(try Profiles.json("interval: 5ms"), at: broker, tracer: log.tracer(), count: 1)
        let span = try #require(log.all.first)
        #expect(span.attributes.get("clock.synchronized") == .bool(false))
        #expect(span.attributes.get("clock.offset_ms") == nil)
    }

    @Test("With MQTT 3.1.1, the trace context is in the payload")
    func embedded() async throws {
        let broker = try await MosquittoBroker.start()
        let log = SpanLog()
        let recorder = MessageRecorder()
        try await recorder.recording(from: broker) {
            try await run(
                try Profiles.json("interval: 5ms\nstamps: none"), at: broker, tracer: log.tracer(), version: 4, count: 1
            )
            try await eventually("the message arrived") { recorder.topics.contains("sensors/probe") }
        }
        let span = try #require(log.all.first)
        let message = try #require(recorder.messages.first { $0.topic == "sensors/probe" })
        #expect(
            String(decoding: message.payload, as: UTF8.self)
                == #"{"seq":0,"traceparent":"\#(span.context.traceparent)"}"#)
    }

    @Test(
        "An unsampled message has a context but no span; without a tracer, there is neither context nor clock request")
    func unsampled() async throws {
        let broker = try await MosquittoBroker.start()
        let log = SpanLog()
        let recorder = MessageRecorder()
        let responder = ClockResponder()
        try await responder.answering(at: broker) {
            try await recorder.recording(from: broker) {
                let asked = responder.requests
                try await run(try Profiles.json("interval: 5ms"), at: broker, tracer: nil, count: 1)
                try await eventually("the message arrived") { recorder.topics.contains("sensors/probe") }
                #expect(responder.requests == asked)
                try await run(
                    try Profiles.json("interval: 5ms"), at: broker,
                    tracer: log.tracer(sampler: Sampler(root: .alwaysOff)), count: 1)
                try await eventually("the message arrived") {
                    recorder.topics.count { $0 == "sensors/probe" } == 2
                }
            }
        }
        let properties = recorder.messages.filter { $0.topic == "sensors/probe" }.map(\.userProperties)
        #expect(properties[0].isEmpty)
        #expect(properties[1].first?.value.hasSuffix("-00") == true)
        #expect(log.all.isEmpty)
    }
}
