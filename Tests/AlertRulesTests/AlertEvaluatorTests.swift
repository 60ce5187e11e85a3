import Core
import Telemetry
import TestSupport
import Testing

@testable import AlertRules

/// Restarts and failed commits change nothing, and device names chosen by clients cannot exhaust memory.
@Suite("Evaluation of all rules over all devices")
struct AlertEvaluatorTests {
    private static let rules = [
        rule(.above(30), name: "hot", for: 10, hysteresis: 1, repeat: 100),
        rule(.noData(.seconds(50)), name: "silent"), rule(.below(0), name: "cold", devices: ["freezer-*"]),
    ]
    /// Seconds, and the value received then; nil for a tick.
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

    /// Returns kind, rule and time of each transition that users see.
    private static func told(_ transitions: [AlertTransition]) -> [String] {
        transitions.filter { $0.kind != .pending && $0.kind != .cancelled }.map {
            "\($0.kind) \($0.alert.rule) \($0.alert.firedAt?.secondsSinceEpoch ?? 0)"
        }
    }

    @Test("A restart at any point loses no notification and repeats none", arguments: 1..<16)
    func restart(after count: Int) {
        var whole = AlertEvaluator(Self.rules)
        let expected = Self.run(&whole, Self.course)
        #expect(expected.contains { $0.kind == .repeated } && expected.contains { $0.kind == .cancelled })

        var first = AlertEvaluator(Self.rules)
        var transitions = Self.run(&first, Self.course.prefix(count))
        var stored: [String: Alert] = [:]
        for transition in transitions { stored[transition.alert.id] = transition.alert }
        let last = Self.course[count - 1].0
        var second = AlertEvaluator(Self.rules, restoring: Array(stored.values), at: last)
        let latest = Self.course.prefix(count).last { $0.1 != nil }
        second.recall("d", latest: latest.flatMap { second, value in value.map { ($0, second) } })
        // The evaluator is listening right away.
        transitions += second.advance(to: at(last), isListening: true)
        transitions += Self.run(&second, Self.course.dropFirst(count))
        // Silence is counted anew after a restart, so its transitions may be late or missing.
        func hot(_ all: [AlertTransition]) -> [String] { Self.told(all.filter { $0.alert.rule == "hot" }) }
        #expect(hot(transitions) == hot(expected))
    }

    @Test("After a restart, the pending time of an alert restarts, unless a value shows that the condition still holds")
    func pendingRestart() {
        let alert = stored("p", "hot", .pending, pendingAt: 100)
        var silent = AlertEvaluator(Self.rules, restoring: [alert], at: 500)
        #expect(silent.tick(501, isListening: false) == [], "the broker is not connected yet")
        #expect(silent.tick(510) == [])
        #expect(silent.tick(519) == [])
        #expect(silent.tick(520) == ["firing p"])
        var heard = AlertEvaluator(Self.rules, restoring: [alert], at: 500)
        #expect(heard.value(31, at: 501) == ["firing p 31"])
        var back = AlertEvaluator(Self.rules, restoring: [alert], at: 500)
        #expect(back.value(20, at: 501) == ["cancelled p 20"])
    }

    @Test("A value that cleared the condition before a restart counts, but the time to resolve restarts")
    func clearRestart() {
        var evaluator = AlertEvaluator(
            [rule(.above(30), name: "hot", hysteresis: 1, resolveAfter: 60)],
            restoring: [stored("f", "hot", .firing, pendingAt: 100)], at: 500)
        evaluator.recall("d", latest: (20, 480))
        #expect(evaluator.tick(501) == [])
        #expect(evaluator.tick(560) == [])
        #expect(evaluator.tick(561) == ["resolved f"])
    }

    @Test("A change alert survives a restart, and a change across a restart is detected")
    func changeRestart() {
        let change = rule(.change(by: 5, within: .seconds(600), .any), name: "leap")
        var without = AlertEvaluator([change], restoring: [stored("f", "leap", .firing, pendingAt: 400)], at: 500)
        #expect(without.value(9, at: 501) == [], "the value before the change is not known")
        #expect(without.value(9, at: 1102) == ["resolved f 9"])
        var with = AlertEvaluator([change], at: 500)
        with.recall("d", latest: (1, 490), windows: ["leap": [(300, 1), (490, 1)]])
        #expect(with.value(9, at: 501) == ["firing a1 9"])
        var part = AlertEvaluator([change], restoring: [stored("f", "leap", .firing, pendingAt: 400)], at: 500)
        part.recall("d", latest: (9, 490), windows: ["leap": [(490, 9)]], isWhole: false)
        #expect(part.value(9, at: 501) == [], "the change is in the part of the history that was not loaded")
    }

    @Test("Of two stored alerts of one rule and series, one is kept and the other resolved")
    func doubled() {
        var evaluator = AlertEvaluator(
            Self.rules, restoring: [stored("1", "hot", .firing), stored("2", "hot", .firing)], at: 500)
        #expect(evaluator.takeOrphans(at: at(501)).map(\.alert.id) == ["2"])
        #expect(evaluator.value(1, at: 502) == ["resolved 1 1"])
        #expect(evaluator.activeCount == 0)
    }

    @Test("An acknowledgement during a batch survives the rollback of the batch")
    func acknowledgedInBatch() {
        var evaluator = AlertEvaluator(Self.rules, restoring: [stored("1", "hot", .firing)], at: 500)
        evaluator.begin()
        #expect(evaluator.value(40, at: 501) == [])
        evaluator.acknowledge("1", at: at(502))
        evaluator.rollback()
        #expect(evaluator.alert("1")?.acknowledgedAt == at(502))
        #expect(evaluator.tick(5000) == [])
    }

    @Test("An alert carries the trace context of the reading that triggered it")
    func cause() throws {
        let trace = TraceContext(traceID: (1, 2), spanID: 3, isSampled: true)
        var evaluator = AlertEvaluator([rule(.above(30), for: 10)])
        let reading = Reading(
            device: try #require(DeviceID("d")), room: "sensors/d", metrics: [Metric(name: "t", value: 31)],
            time: at(1), receivedAt: at(1))
        #expect(evaluator.receive(reading, cause: trace).map(\.alert.cause) == [trace])
        #expect(evaluator.value(32, at: 5) == [], "without a trace")
        let later = TraceContext(traceID: (3, 4), spanID: 5, isSampled: false)
        _ = evaluator.receive(reading, cause: later)
        #expect(evaluator.advance(to: at(11), isListening: true).map(\.alert.cause) == [trace])
    }

    @Test("A rolled back batch leaves no effect")
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

    @Test("A nested evaluation is rolled back alone, or with the outer one")
    func nestedRollback() {
        var evaluator = AlertEvaluator([rule(.above(30))])
        evaluator.begin()
        #expect(evaluator.value(31, at: 1, "a") == ["firing a1 31"])
        evaluator.begin()
        #expect(evaluator.value(20, at: 2, "a") == ["resolved a1 20"])
        #expect(evaluator.value(31, at: 2, "b") == ["firing a2 31"])
        evaluator.rollback()
        #expect(evaluator.alert("a1")?.state == .firing && evaluator.activeCount == 1)
        evaluator.begin()
        #expect(evaluator.value(20, at: 3, "a") == ["resolved a1 20"])
        #expect(evaluator.value(31, at: 3, "c") == ["firing a3 31"])
        evaluator.commit()
        evaluator.rollback()
        #expect(evaluator.activeCount == 0 && !evaluator.isOpen)
        #expect(evaluator.value(31, at: 4, "a") == ["firing a4 31"])
    }

    @Test("Orphans are ended again if ending them was rolled back")
    func orphansRolledBack() {
        var evaluator = AlertEvaluator(Self.rules, restoring: [stored("1", "gone", .firing)])
        evaluator.begin()
        #expect(evaluator.takeOrphans(at: at(1)).count == 1)
        evaluator.rollback()
        #expect(!evaluator.isEmpty)
        evaluator.begin()
        #expect(evaluator.takeOrphans(at: at(2)).count == 1)
        evaluator.commit()
        #expect(evaluator.takeOrphans(at: at(3)).isEmpty)
    }

    @Test("Alerts end if their rule was removed or no longer applies to their device")
    func orphans() {
        var evaluator = AlertEvaluator(
            Self.rules,
            restoring: [stored("1", "gone", .firing), stored("2", "cold", .pending), stored("3", "hot", .firing)])
        let ended = evaluator.takeOrphans(at: at(9)).map { "\($0.kind) \($0.alert.id)" }
        #expect(ended == ["resolved 1", "cancelled 2"])
        let again = evaluator.takeOrphans(at: at(9))
        #expect(again.isEmpty)
        #expect(evaluator.alert("3")?.state == .firing && evaluator.activeCount == 1)
    }

    @Test("At the capacity, devices without alerts are evicted, the longest silent first")
    func capacity() {
        var evaluator = AlertEvaluator([rule(.above(30))], capacity: 16)
        #expect(evaluator.value(31, at: 0, "hot") == ["firing a1 31"])
        for index in 0..<200 { #expect(evaluator.value(1, at: 1 + Double(index), "d\(index)") == []) }
        #expect(evaluator.value(1, at: 500, "hot") == ["resolved a1 1"], "a firing alert is not evicted")
    }

    @Test("When every watched device has an alert, further devices are not watched")
    func fullOfAlerts() {
        var evaluator = AlertEvaluator([rule(.above(30))], capacity: 16)
        for index in 0..<16 { #expect(!evaluator.value(31, at: Double(index), "d\(index)").isEmpty) }
        #expect(evaluator.value(31, at: 20, "one-more") == [])
        #expect(evaluator.activeCount == 16)
    }

    @Test("The number of series watched by all rules together is limited")
    func manyRules() {
        let rules = (0..<8).map { rule(.above(30), name: "r\($0)") }
        var evaluator = AlertEvaluator(rules, capacity: 16)
        #expect(evaluator.value(31, at: 1, "a").count == 8)
        #expect(evaluator.value(31, at: 2, "b").count == 8)
        #expect(evaluator.value(31, at: 3, "c") == [])
        #expect(evaluator.value(1, at: 4, "a").count == 8)
        #expect(evaluator.value(31, at: 5, "c").count == 8, "capacity was freed")
    }

    @Test("Each device has its own alerts, and rules apply only to their metric and devices")
    func devices() {
        var evaluator = AlertEvaluator([rule(.above(30)), rule(.below(0), name: "cold", devices: ["freezer-*"])])
        #expect(evaluator.value(31, at: 1, "a") == ["firing a1 31"])
        #expect(evaluator.value(31, at: 1, "b") == ["firing a2 31"])
        #expect(evaluator.value(99, at: 2, "c", metric: "humidity") == [])
        #expect(evaluator.value(-1, at: 2, "c") == [])
        #expect(evaluator.value(-1, at: 2, "freezer-1") == ["firing a3 -1"])
    }

    @Test("A tick examines only series that may be due, and detects each silence in its second")
    func tickWork() {
        let count = 2000
        var evaluator = AlertEvaluator([rule(.noData(.seconds(60)), name: "silent")], capacity: 10_000)
        for second in 0..<300 {
            // A tenth of the devices falls silent after ten seconds; the others continue.
            if second % 10 == 0 {
                for number in 0..<count where second == 0 || number % 10 != 0 {
                    _ = evaluator.value(1, at: Double(second), "d\(number)")
                }
            }
            let told = evaluator.tick(Double(second))
            #expect(told.count == (second == 60 ? count / 10 : 0), "second \(second)")
        }
        // Each series is examined about once per 60 s, including those with an alert.
        #expect(evaluator.activeCount == count / 10)
        #expect(evaluator.examinedCount < count * 300 / 60 + 2 * count)
    }

    @Test("A tick that examines only due series finds the same as one that examines all")
    func schedules() throws {
        let rules = [
            rule(.above(30), name: "hot", for: 5, hysteresis: 1, resolveAfter: 7, repeat: 20),
            rule(.below(10), name: "cold", resolveAfter: 3), rule(.above(35), name: "hotter", for: 2, repeat: 9),
            rule(.change(by: 15, within: .seconds(12), .any), name: "leap", for: 3),
            rule(.change(by: 10, within: .seconds(8), .fall), name: "fall", resolveAfter: 4),
            rule(.noData(.seconds(10)), name: "silent", for: 4, resolveAfter: 2, repeat: 15),
            rule(.noData(.seconds(6)), name: "quiet"),
        ]
        var random = SeededRandom()
        var evaluators = [AlertEvaluator(rules), AlertEvaluator(rules)]
        var ids: [[String: String]] = [[:], [:]]
        var second = 0.0
        func both(_ change: (inout AlertEvaluator) -> [AlertTransition]) {
            let told = evaluators.indices.map { index -> [String] in
                let transitions = change(&evaluators[index])
                for alert in transitions.map(\.alert) {
                    ids[index]["\(alert.device.rawValue)/\(alert.rule)"] = alert.id
                }
                return transitions.map { "\($0.kind) \($0.alert.device) \($0.alert.rule) \($0.alert.value ?? -1)" }
            }
            #expect(told[0] == told[1], "seed \(random.seed), second \(second)")
        }
        /// At most one tick per batch.
        var hasTicked = false
        for _ in 0..<3000 {
            let device = "d\(Int.random(in: 0..<4, using: &random))"
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<35:
                let value = Double(Int.random(in: 5..<40, using: &random))
                let id = try #require(DeviceID(device))
                let reading = Reading(
                    device: id, room: "sensors/\(device)", metrics: [Metric(name: "t", value: value)], time: at(second),
                    receivedAt: at(second))
                both { $0.receive(reading) }
            case 35..<90:
                second += Int.random(in: 0..<30, using: &random) == 0 ? 40 : 0.7
                let isListening = Int.random(in: 0..<12, using: &random) > 0
                if hasTicked { evaluators.indices.forEach { evaluators[$0].commit() } }
                hasTicked = evaluators[0].isOpen
                evaluators[1].examinesAllActive = true
                both { $0.advance(to: at(second), isListening: isListening) }
            case 90..<92:
                both {
                    $0.stopListening()
                    return []
                }
            case 92..<94:
                both {
                    if !$0.isOpen { $0.begin() }
                    return []
                }
            case 94: evaluators.indices.forEach { evaluators[$0].commit() }
            case 95: evaluators.indices.forEach { evaluators[$0].rollback() }
            case 96..<98:
                let name = "\(device)/\(rules[Int.random(in: 0..<rules.count, using: &random)].name)"
                let isTold = Bool.random(using: &random)
                for index in evaluators.indices {
                    guard let id = ids[index][name] else { continue }
                    if isTold {
                        evaluators[index].notified(id, at: at(second))
                    } else {
                        evaluators[index].acknowledge(id, at: at(second))
                    }
                }
            default:
                guard !evaluators[0].isOpen else { continue }
                let step = Bool.random(using: &random) ? 1000.0 : -1000
                second += step
                evaluators.indices.forEach { evaluators[$0].shiftClock(by: .seconds(step)) }
            }
            #expect(evaluators[0].activeCount == evaluators[1].activeCount, "seed \(random.seed), second \(second)")
        }
        #expect(evaluators[0].examinedCount < evaluators[1].examinedCount)
    }

    @Test("A silence whose detection was rolled back is detected again at the next tick")
    func rolledBackSilence() {
        var evaluator = AlertEvaluator([rule(.noData(.seconds(60)), name: "silent")])
        _ = evaluator.tick(0)
        _ = evaluator.value(1, at: 1)
        for second in 2...60 { #expect(evaluator.tick(Double(second)).isEmpty) }
        evaluator.begin()
        #expect(evaluator.tick(61).count == 1)
        evaluator.rollback()
        evaluator.begin()
        #expect(evaluator.tick(62).count == 1)
        evaluator.commit()
        #expect(evaluator.tick(63).isEmpty)
    }

    @Test("A schedule returns each series once, at its most recent time, after a pause of any length")
    func schedule() throws {
        var schedule = SeriesSchedule()
        func key(_ name: String) throws -> SeriesKey {
            SeriesKey(room: "r", device: try #require(DeviceID(name)), metric: "t")
        }
        for (name, second) in [("a", 5.5), ("b", 7), ("c", 1e9), ("a", 9), ("b", 3)] {
            schedule.schedule(try key(name), at: at(second))
        }
        #expect(schedule.takeDue(at: at(2.9)).isEmpty)
        #expect(try schedule.takeDue(at: at(8)) == [try key("b")])
        #expect(try schedule.takeDue(at: at(9)) == [try key("a")])
        schedule.schedule(try key("a"), at: at(4))
        #expect(try schedule.takeDue(at: at(9)) == [try key("a")])
        #expect(try schedule.takeDue(at: at(2e9)) == [try key("c")])
        #expect(schedule.takeDue(at: at(3e9)).isEmpty)
    }
}
