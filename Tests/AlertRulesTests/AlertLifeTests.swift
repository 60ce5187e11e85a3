import Core
import TestSupport
import Testing

@testable import AlertRules

/// An alert fires once, after its condition has held for the rule's duration, and is resolved when the condition ends.
@Suite("Life cycle of an alert")
struct AlertLifeTests {
    @Test("Without a duration, the first value beyond the limit fires and the first one within it resolves")
    func immediate() {
        var evaluator = AlertEvaluator([rule(.above(30))])
        #expect(evaluator.value(30, at: 1) == [])
        #expect(evaluator.value(31, at: 2) == ["firing a1 31"])
        #expect(evaluator.value(32, at: 3) == [])
        #expect(evaluator.value(30, at: 4) == ["resolved a1 30"])
        #expect(evaluator.value(40, at: 5) == ["firing a2 40"])
    }

    @Test("An alert is pending until the condition has held; meanwhile the latest value counts")
    func holding() {
        var evaluator = AlertEvaluator([rule(.above(30), for: 10)])
        #expect(evaluator.value(31, at: 100) == ["pending a1 31"])
        #expect(evaluator.tick(109) == [])
        #expect(evaluator.tick(110) == ["firing a1 31"])
        #expect(evaluator.tick(500) == [])
        #expect(evaluator.value(20, at: 501) == ["resolved a1 20"])
    }

    @Test("A reading can fire a pending alert like a tick, and a value within the limit cancels it")
    func pending() {
        var evaluator = AlertEvaluator([rule(.above(30), for: 10)])
        #expect(evaluator.value(31, at: 100) == ["pending a1 31"])
        #expect(evaluator.value(29, at: 105) == ["cancelled a1 29"])
        #expect(evaluator.value(31, at: 106) == ["pending a2 31"])
        #expect(evaluator.value(33, at: 116) == ["firing a2 33"])
        // The value drops only after the duration. The previous value counted until then, even without a tick.
        #expect(evaluator.value(20, at: 117) == ["resolved a2 20"])
        #expect(evaluator.value(31, at: 200) == ["pending a3 31"])
        #expect(evaluator.value(20, at: 300) == ["firing a3 31", "resolved a3 20"])
    }

    @Test("A value that flaps within the hysteresis changes nothing")
    func hysteresis() {
        var evaluator = AlertEvaluator([rule(.above(30), hysteresis: 2)])
        #expect(evaluator.value(31, at: 1) == ["firing a1 31"])
        for (index, value) in [29, 31, 28.1, 30.5, 29].enumerated() {
            #expect(evaluator.value(value, at: 2 + Double(index)) == [])
        }
        #expect(evaluator.value(28, at: 10) == ["resolved a1 28"])
        #expect(evaluator.value(29.9, at: 11) == [], "an alert fires above the limit only")
    }

    @Test("An alert is resolved only after the condition has been over for `resolve_after`")
    func resolving() {
        var evaluator = AlertEvaluator([rule(.below(5), resolveAfter: 60)])
        #expect(evaluator.value(4, at: 0) == ["firing a1 4"])
        #expect(evaluator.value(6, at: 10) == [])
        #expect(evaluator.value(4.5, at: 30) == [], "the alert still fires")
        #expect(evaluator.value(6, at: 40) == [])
        #expect(evaluator.tick(99) == [])
        #expect(evaluator.tick(100) == ["resolved a1 6"])
        // This holds even without a tick.
        #expect(evaluator.value(4, at: 200) == ["firing a2 4"])
        #expect(evaluator.value(6, at: 210) == [])
        #expect(evaluator.value(4, at: 270) == ["resolved a2 6", "firing a3 4"])
    }

    @Test("A firing alert is repeated at its interval until it is acknowledged")
    func repeats() {
        var evaluator = AlertEvaluator([rule(.above(30), repeat: 60)])
        #expect(evaluator.value(31, at: 0) == ["firing a1 31"])
        #expect(evaluator.tick(59) == [])
        #expect(evaluator.tick(60) == ["repeated a1 31"])
        #expect(evaluator.tick(61) == [])
        #expect(evaluator.tick(121) == ["repeated a1 31"])
        evaluator.acknowledge("a1", at: at(122))
        #expect(evaluator.alert("a1")?.acknowledgedAt == at(122))
        #expect(evaluator.tick(1000) == [])
        #expect(evaluator.value(20, at: 1001) == ["resolved a1 20"])
        evaluator.acknowledge("a1", at: at(1002))
        #expect(evaluator.alert("a1") == nil)
    }

    @Test("A clock that is set back fires or resolves nothing early")
    func clock() {
        var evaluator = AlertEvaluator([rule(.above(30), for: 10)])
        #expect(evaluator.value(31, at: 100) == ["pending a1 31"])
        #expect(evaluator.value(31, at: 50) == [])
        #expect(evaluator.tick(109) == [])
        #expect(evaluator.tick(110) == ["firing a1 31"])
    }

    @Test("When the clock is set, alerts continue with the elapsed time", arguments: [1e6, -1e6])
    func clockIsSet(step: Double) {
        let start = 2e6
        var evaluator = AlertEvaluator(
            [
                rule(.above(30), name: "hot", for: 10, repeat: 60), rule(.noData(.seconds(50)), name: "silent"),
                rule(.below(0), name: "cold", resolveAfter: 20),
            ], at: start)
        #expect(evaluator.tick(start) == [])
        #expect(evaluator.value(31, at: start, "a") == ["pending a1 31"])
        #expect(evaluator.value(-1, at: start, "b") == ["firing a2 -1"])
        #expect(evaluator.value(1, at: start + 1, "b") == [])
        evaluator.shiftClock(by: .seconds(step))
        let now = start + step
        #expect(evaluator.tick(now + 9) == [])
        #expect(evaluator.tick(now + 10) == ["firing a1 31"])
        #expect(evaluator.tick(now + 20) == [])
        #expect(evaluator.tick(now + 21) == ["resolved a2 1"])
        // Every device gets the full time again.
        #expect(evaluator.tick(now + 49) == [])
        #expect(evaluator.tick(now + 51).filter { $0.hasPrefix("firing") }.count == 2)
        #expect(evaluator.tick(now + 70) == ["repeated a1 31"])
    }

    @Test("A reading received before the clock was set back does not move the evaluator's clock forward")
    func readingOfBefore() {
        var evaluator = AlertEvaluator([rule(.above(30), for: 10), rule(.noData(.seconds(50)), name: "s")], at: 9000)
        #expect(evaluator.tick(9000) == [])
        #expect(evaluator.value(1, at: 9000, "a") == [])
        evaluator.shiftClock(by: .seconds(-3600))
        #expect(evaluator.value(31, at: 9001, "b", notAfter: 5401) == ["pending a1 31"])
        #expect(evaluator.tick(5402) == [])
        #expect(evaluator.tick(5411) == ["firing a1 31"])
    }

    @Test("A clock that is set ahead expires neither a silence alert nor a change alert")
    func clockAhead() {
        var evaluator = AlertEvaluator(
            [rule(.noData(.seconds(50)), name: "silent"), rule(.change(by: 5, within: .seconds(60), .any))])
        #expect(evaluator.tick(0) == [])
        #expect(evaluator.value(1, at: 1, "silent") == [])
        #expect(evaluator.tick(51) == ["firing a1"])
        #expect(evaluator.value(1, at: 52) == [])
        #expect(evaluator.value(9, at: 53) == ["firing a2 9"])
        let step = 40.0 * 86_400
        evaluator.shiftClock(by: .seconds(step))
        #expect(evaluator.tick(54 + step) == [])
        #expect(evaluator.value(9, at: 55 + step) == [])
        #expect(evaluator.value(9, at: 114 + step) == ["resolved a2 9"])
    }

    @Test("Retained readings trigger no alert")
    func retained() {
        var evaluator = AlertEvaluator([rule(.above(30))])
        #expect(evaluator.value(99, at: 1, retained: true) == [])
    }

    @Test("For random values, firing and resolved alternate, and each alert has a new id")
    func wandering() {
        var generator = SeededRandom()
        for _ in 0..<20 {
            var evaluator = AlertEvaluator([
                rule(
                    .outside(-5...5), for: .random(in: 0...3, using: &generator),
                    hysteresis: .random(in: 0...2, using: &generator), resolveAfter: 2)
            ])
            var value = 0.0
            var firing: String?
            var seen: Set<String> = []
            for second in 0..<2000 {
                value = max(-9, min(9, value + .random(in: -2...2, using: &generator)))
                let steps =
                    second % 3 == 0 ? evaluator.tick(Double(second)) : evaluator.value(value, at: Double(second))
                for step in steps {
                    let words = step.split(separator: " ").map(String.init)
                    switch words[0] {
                    case "firing":
                        #expect(firing == nil && seen.insert(words[1]).inserted, "seed \(generator.seed)")
                        firing = words[1]
                    case "resolved":
                        #expect(firing == words[1], "seed \(generator.seed)")
                        firing = nil
                    default: #expect(firing == nil, "seed \(generator.seed)")
                    }
                }
            }
            #expect(!seen.isEmpty, "seed \(generator.seed)")
        }
    }
}
