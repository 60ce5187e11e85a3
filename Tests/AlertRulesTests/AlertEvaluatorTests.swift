import Telemetry
import Testing

@testable import AlertRules

/// Restarts and failed commits change nothing, and whoever names devices cannot fill the memory.
@Suite("All rules over all devices")
struct AlertEvaluatorTests {
    private static let rules = [
        rule(.above(30), name: "hot", for: 10, hysteresis: 1, repeat: 100),
        rule(.noData(.seconds(50)), name: "silent"), rule(.below(0), name: "cold", devices: ["freezer-*"]),
    ]
    /// Seconds, and the value that comes then; nil for a tick.
    private static let course: [(Double, Double?)] = [
        (0, nil), (1, 20), (5, 31), (9, 32), (16, 33), (30, 30.5), (50, 30.9), (120, nil), (121, 28), (125, 35),
        (130, 20), (140, 36), (160, nil), (165, 21), (300, nil), (301, 22),
    ]

    private static func run(
        _ evaluator: inout AlertEvaluator, _ steps: some Sequence<(Double, Double?)>
    ) -> [AlertTransition] {
        steps.flatMap { second, value -> [AlertTransition] in
            guard let value else { return evaluator.advance(to: at(second), isListening: true) }
            guard let device = DeviceID("d") else { return [] }
            return evaluator.receive(
                Reading(
                    device: device, room: "sensors/d", metrics: [Metric(name: "t", value: value, unit: "°C")],
                    time: at(second), receivedAt: at(second)))
        }
    }

    /// Kind, rule and time of each, which is what people see.
    private static func told(_ transitions: [AlertTransition]) -> [String] {
        transitions.filter { $0.kind != .pending && $0.kind != .cancelled }.map {
            "\($0.kind) \($0.alert.rule) \($0.alert.firedAt?.secondsSinceEpoch ?? 0)"
        }
    }

    @Test("A restart at any point tells people the same, and nothing twice", arguments: 1..<16)
    func restart(after count: Int) throws {
        var whole = AlertEvaluator(Self.rules)
        let expected = Self.run(&whole, Self.course)
        #expect(expected.contains { $0.kind == .repeated } && expected.contains { $0.kind == .cancelled })

        var first = AlertEvaluator(Self.rules)
        var transitions = Self.run(&first, Self.course.prefix(count))
        var stored: [String: Alert] = [:]
        for transition in transitions { stored[transition.alert.id] = transition.alert }
        let last = Self.course[count - 1].0
        var second = AlertEvaluator(Self.rules, restoring: Array(stored.values), at: last)
        second.expect(try #require(DeviceID("d")), in: "sensors/d", at: at(last))
        transitions += Self.run(&second, Self.course.dropFirst(count))
        // Silence begins anew with a restart: what is told of it may come later, or not at all.
        func hot(_ all: [AlertTransition]) -> [String] { Self.told(all.filter { $0.alert.rule == "hot" }) }
        #expect(hot(transitions) == hot(expected))
    }

    @Test("What a batch did that was not stored did not happen")
    func rollback() {
        for count in 0..<Self.course.count {
            var evaluator = AlertEvaluator(Self.rules)
            var reference = AlertEvaluator(Self.rules)
            _ = Self.run(&evaluator, Self.course.prefix(count))
            _ = Self.run(&reference, Self.course.prefix(count))
            evaluator.begin()
            _ = Self.run(&evaluator, Self.course.dropFirst(count).prefix(4))
            evaluator.rollback()
            let rest = Self.course.dropFirst(count)
            let again = Self.run(&evaluator, rest).map { "\($0.kind) \($0.alert.rule) \($0.alert.pendingAt)" }
            let expected = Self.run(&reference, rest).map { "\($0.kind) \($0.alert.rule) \($0.alert.pendingAt)" }
            #expect(again == expected)
            #expect(evaluator.activeCount == reference.activeCount)
        }
    }

    @Test("Alerts whose rule is gone, or no longer looks at their device, end")
    func orphans() throws {
        let device = try #require(DeviceID("d"))
        func alert(_ id: String, _ rule: String, _ state: Alert.State) -> Alert {
            Alert(
                id: id, rule: rule, device: device, room: "sensors/d", metric: "t", state: state, pendingAt: at(1))
        }
        var evaluator = AlertEvaluator(
            Self.rules,
            restoring: [alert("1", "gone", .firing), alert("2", "cold", .pending), alert("3", "hot", .firing)])
        let ended = evaluator.takeOrphans(at: at(9)).map { "\($0.kind) \($0.alert.id)" }
        #expect(ended == ["resolved 1", "cancelled 2"])
        let again = evaluator.takeOrphans(at: at(9))
        #expect(again.isEmpty)
        #expect(evaluator.alert("3")?.state == .firing && evaluator.activeCount == 1)
    }

    @Test("Devices beyond the limit push out those without alerts that were silent longest")
    func capacity() {
        var evaluator = AlertEvaluator([rule(.above(30))], capacity: 16)
        #expect(evaluator.value(31, at: 0, "hot") == ["firing a1 31"])
        for index in 0..<200 { #expect(evaluator.value(1, at: 1 + Double(index), "d\(index)") == []) }
        #expect(evaluator.value(1, at: 500, "hot") == ["resolved a1 1"], "one that fires is not forgotten")
    }

    @Test("When every device that is watched has an alert, further ones are not watched")
    func fullOfAlerts() {
        var evaluator = AlertEvaluator([rule(.above(30))], capacity: 16)
        for index in 0..<16 { #expect(!evaluator.value(31, at: Double(index), "d\(index)").isEmpty) }
        #expect(evaluator.value(31, at: 20, "one-more") == [])
        #expect(evaluator.activeCount == 16)
    }

    @Test("Each device has its own alerts, and rules see only their metric and their devices")
    func devices() {
        var evaluator = AlertEvaluator([rule(.above(30)), rule(.below(0), name: "cold", devices: ["freezer-*"])])
        #expect(evaluator.value(31, at: 1, "a") == ["firing a1 31"])
        #expect(evaluator.value(31, at: 1, "b") == ["firing a2 31"])
        #expect(evaluator.value(99, at: 2, "c", metric: "humidity") == [])
        #expect(evaluator.value(-1, at: 2, "c") == [])
        #expect(evaluator.value(-1, at: 2, "freezer-1") == ["firing a3 -1"])
    }
}
