import Core
import Telemetry
import Testing

@testable import AlertRules

/// Rules can be replaced at any time. What did not change goes on as if nothing had happened.
@Suite("Replacing alert rules")
struct RuleReplacementTests {
    private static let hot = rule(.above(30), name: "hot", for: 10)
    private static let cold = rule(.below(0), name: "cold")

    @Test("A rule that stays the same keeps its hold time and its alert, in any order of the rules")
    func unchanged() {
        var evaluator = AlertEvaluator([Self.hot])
        #expect(evaluator.value(31, at: 1) == ["pending a1 31"])
        evaluator.replaceRules([Self.cold, Self.hot], at: at(5))
        #expect(evaluator.activeCount == 1)
        #expect(evaluator.tick(10) == [])
        #expect(evaluator.tick(11) == ["firing a1 31"], "the hold time counts from before")
        evaluator.replaceRules([Self.hot], at: at(12))
        #expect(evaluator.tick(13) == [])
        #expect(evaluator.value(20, at: 14) == ["resolved a1 20"])
    }

    @Test("An alert of a changed rule goes on by the new limit, without another notification")
    func changed() {
        var evaluator = AlertEvaluator([rule(.above(30), name: "hot")])
        #expect(evaluator.value(31, at: 1) == ["firing a1 31"])
        evaluator.replaceRules([rule(.above(25), name: "hot")], at: at(2))
        #expect(evaluator.tick(3) == [])
        #expect(evaluator.value(26, at: 4) == [])
        #expect(evaluator.value(24, at: 5) == ["resolved a1 24"])
    }

    @Test("The alerts of a removed rule end, and a new rule takes the next value")
    func removedAndNew() {
        var evaluator = AlertEvaluator([rule(.above(30), name: "hot")])
        #expect(evaluator.value(31, at: 1) == ["firing a1 31"])
        evaluator.replaceRules([rule(.above(40), name: "other")], at: at(2))
        #expect(AlertEvaluator.words(evaluator.takeOrphans(at: at(2))) == ["resolved a1 31"])
        #expect(evaluator.activeCount == 0)
        #expect(evaluator.value(41, at: 3) == ["firing a2 41"])
    }

    @Test("A new rule about silence watches the devices that are already known")
    func silence() {
        var evaluator = AlertEvaluator([Self.hot])
        _ = evaluator.tick(0)
        _ = evaluator.value(20, at: 1)
        evaluator.replaceRules([Self.hot, rule(.noData(.seconds(50)), name: "silent")], at: at(10))
        #expect(evaluator.tick(59) == [])
        #expect(evaluator.tick(60) == ["firing a1"])
    }

    @Test("With more rules than the capacity holds, active alerts are kept before idle series")
    func capacity() {
        var evaluator = AlertEvaluator([rule(.above(30), name: "hot")], capacity: 4)
        for device in ["a", "b", "c"] { _ = evaluator.value(20, at: 2, device) }
        #expect(evaluator.value(31, at: 1, "d") == ["firing a1 31"])
        evaluator.replaceRules([rule(.above(30), name: "hot"), Self.cold], at: at(3))
        #expect(evaluator.activeCount == 1)
        #expect(evaluator.value(20, at: 4, "d") == ["resolved a1 20"])
    }
}
