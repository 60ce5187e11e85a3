import Core
import Telemetry
import Testing

@testable import AlertRules

@Suite("Alert conditions")
struct AlertConditionTests {
    @Test("The minimum interval between two alerts is kept, unless the clock was set back")
    func pauses() {
        var rule = rule(.above(30))
        #expect(rule.minInterval == .seconds(300))
        #expect(rule.pause(after: at(100), at: at(100)) == at(400))
        #expect(rule.pause(after: at(100), at: at(399)) == at(400))
        #expect(rule.pause(after: at(100), at: at(400)) == nil)
        #expect(rule.pause(after: at(100), at: at(99)) == nil)
        rule.minInterval = .zero
        #expect(rule.pause(after: at(100), at: at(100)) == nil)
        // A short `repeat` shortens the minimum interval between alerts as well.
        #expect(AlertRulesTests.rule(.above(30), repeat: 60).minInterval == .seconds(60))
        #expect(AlertRulesTests.rule(.above(30), repeat: 3600).minInterval == .seconds(300))
    }

    @Test(
        "A limit is exceeded only beyond it, not at it",
        arguments: [
            (AlertCondition.above(30), [30, 30.1], [false, true]), (.below(5), [5, 4.9], [false, true]),
            (.outside(5...30), [5, 30, 4.9, 30.1], [false, false, true, true]),
        ])
    func limits(condition: AlertCondition, values: [Double], expected: [Bool]) {
        for (value, isFiring) in zip(values, expected) {
            var evaluator = AlertEvaluator([rule(condition)])
            #expect(evaluator.value(value, at: 1).isEmpty != isFiring, "\(condition) of \(value)")
        }
    }

    @Test(
        "A change within the window fires in the configured direction only",
        arguments: [
            (AlertCondition.Direction.any, 106.0, true), (.any, 94, true), (.rise, 106, true), (.rise, 94, false),
            (.fall, 94, true), (.fall, 106, false), (.any, 104, false),
        ])
    func changes(direction: AlertCondition.Direction, value: Double, isFiring: Bool) {
        var evaluator = AlertEvaluator([rule(.change(by: 5, within: .seconds(600), direction))])
        #expect(evaluator.value(100, at: 1000) == [])
        #expect(evaluator.value(100, at: 1100) == [])
        #expect(evaluator.value(value, at: 1300).isEmpty != isFiring)
    }

    @Test("Values that have left the window no longer count; a slow drift is not a change")
    func window() {
        var evaluator = AlertEvaluator([rule(.change(by: 5, within: .seconds(60), .any))])
        for step in 0..<100 { #expect(evaluator.value(Double(step), at: Double(step) * 20) == []) }
        #expect(evaluator.value(105, at: 1990) == ["firing a1 105"])
        #expect(evaluator.value(105, at: 2100) == ["resolved a1 105"])
    }

    @Test("Silence is measured from the last value, only while the broker is connected")
    func silence() {
        var evaluator = AlertEvaluator([rule(.noData(.seconds(60)))])
        #expect(evaluator.tick(0) == [])
        #expect(evaluator.value(1, at: 10) == [])
        #expect(evaluator.tick(69) == [])
        #expect(evaluator.tick(70) == ["firing a1"])
        #expect(evaluator.tick(500) == [])
        #expect(evaluator.value(2, at: 501) == ["resolved a1 2"])
        // The broker is away: silence is not counted, and every device gets the full time again afterwards.
        #expect(evaluator.tick(550, isListening: false) == [])
        #expect(evaluator.tick(700, isListening: false) == [])
        #expect(evaluator.tick(710) == [])
        #expect(evaluator.tick(769) == [])
        #expect(evaluator.tick(770) == ["firing a2"])
    }

    @Test("After a restart, silence of a recently stored metric fires, but not that of an old or unknown one")
    func expected() {
        var evaluator = AlertEvaluator([rule(.noData(.seconds(60)))], at: 10_000_000)
        evaluator.recall("old", latest: (1, 9_990_000))
        evaluator.recall("gone", latest: (1, 1000))
        evaluator.recall("never", latest: nil)
        #expect(evaluator.tick(10_000_001) == [])
        #expect(evaluator.tick(10_000_061) == ["firing a1"])
        #expect(evaluator.value(5, at: 10_000_062, "old", metric: "other") == [], "only the rule's metric counts")
        #expect(evaluator.value(5, at: 10_000_063, "old") == ["resolved a1 5"])
    }

    @Test("The alert of a device that is silent for a month is resolved, and a new value re-arms the rule")
    func gone() {
        var evaluator = AlertEvaluator([rule(.noData(.seconds(60)))])
        let month = 31.0 * 86_400
        #expect(evaluator.tick(0) == [])
        #expect(evaluator.value(1, at: 1) == [])
        #expect(evaluator.tick(61) == ["firing a1"])
        #expect(evaluator.tick(60 + month) == [])
        #expect(evaluator.tick(61 + month) == ["resolved a1"])
        #expect(evaluator.tick(1000 + month) == [])
        #expect(evaluator.value(1, at: 2000 + month) == [])
        #expect(evaluator.tick(2060 + month) == ["firing a2"])
    }

    @Test("Changes are measured in device time: a backlog that arrives at once is not a change")
    func backlog() {
        var evaluator = AlertEvaluator([rule(.change(by: 5, within: .seconds(60), .any))])
        for step in 0..<100 {
            #expect(evaluator.value(Double(step), at: 5000, measuredAt: Double(step) * 20) == [])
        }
        #expect(evaluator.value(106, at: 5001, measuredAt: 1990) == ["firing a1 106"])
    }

    @Test("A device clock that is set back resolves no change alert, and later changes are detected")
    func clockOfDevice() {
        var evaluator = AlertEvaluator([rule(.change(by: 5, within: .seconds(60), .any))])
        #expect(evaluator.value(1, at: 5000, measuredAt: 5000) == [])
        #expect(evaluator.value(9, at: 5001, measuredAt: 5001) == ["firing a1 9"])
        // The device's clock is set back, which is recognised after three values.
        for second in 0..<3 {
            #expect(evaluator.value(9, at: 5002 + Double(second), measuredAt: 1000 + Double(second)) == [])
        }
        #expect(evaluator.value(9, at: 5065, measuredAt: 1063) == ["resolved a1 9"])
        #expect(evaluator.value(1, at: 5066, measuredAt: 1064) == ["firing a2 1"])
    }

    @Test("A change alert is resolved when no value has come for a whole window while listening")
    func changeOfTheSilent() {
        var evaluator = AlertEvaluator([rule(.change(by: 5, within: .seconds(60), .any))])
        #expect(evaluator.tick(0) == [])
        #expect(evaluator.value(1, at: 1) == [])
        #expect(evaluator.value(9, at: 2) == ["firing a1 9"])
        #expect(evaluator.tick(62) == [])
        #expect(evaluator.tick(63, isListening: false) == [])
        #expect(evaluator.tick(100) == [])
        #expect(evaluator.tick(161) == ["resolved a1 9"])
    }

    @Test("A late value neither hides nor causes a change")
    func lateValue() {
        var evaluator = AlertEvaluator([rule(.change(by: 5, within: .seconds(60), .any))])
        #expect(evaluator.value(1, at: 5000, measuredAt: 5000) == [])
        #expect(evaluator.value(50, at: 5001, measuredAt: 1000) == [])
        #expect(evaluator.value(50, at: 5002, measuredAt: 1001) == [])
        #expect(evaluator.value(9, at: 5003, measuredAt: 5003) == ["firing a1 9"])
    }

    @Test("A pending silence alert is cancelled when the broker connection is lost")
    func pendingSilence() {
        var evaluator = AlertEvaluator([rule(.noData(.seconds(60)), for: 100)])
        #expect(evaluator.tick(0) == [])
        #expect(evaluator.value(1, at: 1) == [])
        #expect(evaluator.tick(61) == ["pending a1"])
        #expect(evaluator.tick(62, isListening: false) == ["cancelled a1"])
        #expect(evaluator.tick(500) == [])
        #expect(evaluator.tick(560) == ["pending a2"])
        #expect(evaluator.tick(660) == ["firing a2"])
    }

    @Test("A lost broker connection pauses silence rules at once, even if the batch is rolled back")
    func stopListening() {
        var evaluator = AlertEvaluator([rule(.noData(.seconds(60)))])
        #expect(evaluator.tick(0) == [])
        #expect(evaluator.value(1, at: 1) == [])
        evaluator.begin()
        evaluator.stopListening()
        evaluator.rollback()
        #expect(evaluator.tick(100) == [])
        #expect(evaluator.tick(160) == ["firing a1"])
    }

    @Test(
        "In a device pattern, `*` matches any characters, and all others match themselves",
        arguments: [
            ("*", "anything", true), ("greenhouse-*", "greenhouse-1", true), ("greenhouse-*", "greenhouse-", true),
            ("greenhouse-*", "a-greenhouse-1", false), ("*-plug", "desk-plug", true), ("a*b*c", "axxbyyc", true),
            ("a*b*c", "acb", false), ("a*a", "a", false), ("exact", "exact", true), ("exact", "exactly", false),
            ("*ü*", "tür", true), ("**", "", true),
        ])
    func patterns(pattern: String, name: String, isMatch: Bool) {
        #expect(DevicePattern(pattern).matches(name) == isMatch)
    }

    @Test(
        "A hysteresis that no value can satisfy is reported",
        arguments: [
            (AlertCondition.outside(5...7), 1.0, true), (.outside(5...7), 1.1, false),
            (.change(by: 2, within: .seconds(60), .any), 1.9, true),
            (.change(by: 2, within: .seconds(60), .any), 2, false), (.above(1), 1000, true), (.below(1), 1000, true),
            (.noData(.seconds(60)), 0, true), (.noData(.seconds(60)), 1, false),
        ])
    func hysteresis(condition: AlertCondition, hysteresis: Double, isUsable: Bool) {
        #expect((rule(condition, hysteresis: hysteresis).hysteresisProblem == nil) == isUsable)
    }

    @Test("A condition is described in words")
    func words() {
        #expect(rule(.above(30), for: 10).conditionText == "above 30 for 10s")
        #expect(rule(.outside(-2.5...8)).conditionText == "outside -2.5 to 8")
        #expect(rule(.change(by: 5, within: .seconds(600), .rise)).conditionText == "rise by more than 5 within 10m")
        #expect(rule(.noData(.seconds(5400))).conditionText == "no data for 90m")
    }

    @Test("Templates are filled in, and invalid ones are rejected")
    func templates() throws {
        var example = rule(.above(30))
        let alert = Alert(
            id: "a", rule: "r", device: try #require(DeviceID("d")), room: "sensors/d", metric: "t", unit: nil,
            value: 31.5, state: .firing, pendingAt: at(1))
        #expect(example.text(for: alert) == "d: t is 31.5 (above 30)")
        example.template = try AlertTemplate("{{{device}}} {room}/{rule}: {value} {unit}!")
        #expect(example.text(for: alert) == "{d} sensors/d/r: 31.5!")
        #expect(throws: InvalidText.self) { try AlertTemplate("{devise}") }
        #expect(throws: InvalidText.self) { try AlertTemplate("{device") }
        #expect(throws: InvalidText.self) { try AlertTemplate("") }
    }
}
