import Core
import Telemetry
import Testing

@Suite("A filter covers another if it matches every topic that the other matches")
struct TopicFilterCoverageTests {
    @Test(
        "Filters that cover another",
        arguments: [
            ("sensors/#", "sensors/+"), ("sensors/#", "sensors"), ("sensors/#", "sensors/a/#"), ("#", "sensors/#"),
            ("sensors/+", "sensors/a"), ("+/#", "#"), ("#", "+/#"), ("users/#", "users/ann"), ("$SYS/#", "$SYS/a"),
            ("$share/g/a/#", "$share/g/a/b"), ("a", "a"),
        ])
    func covers(wide: String, narrow: String) throws {
        #expect(try TopicFilter(wide).covers(TopicFilter(narrow), protecting: ["users"]))
    }

    @Test(
        "Filters that do not cover another",
        arguments: [
            ("sensors/+", "sensors/#"), ("sensors/+", "sensors"), ("#", "$SYS/#"), ("+/a", "$SYS/a"), ("#", "users/#"),
            ("+/+", "users/ann"), ("#", "users"), ("a/+/#", "a/#"), ("$share/g/a/#", "a/b"), ("a/#", "$share/g/a/b"),
            ("$share/g/a/#", "$share/h/a/b"), ("a", "b"), ("sensors/+/x", "sensors/+/+"),
        ])
    func doesNotCover(wide: String, narrow: String) throws {
        #expect(try !TopicFilter(wide).covers(TopicFilter(narrow), protecting: ["users"]))
    }

    /// Returns all words of up to `depth` levels over `alphabet`.
    private static func words(over alphabet: [String], depth: Int) -> [[String]] {
        var all: [[String]] = []
        var layer: [[String]] = [[]]
        for _ in 0..<depth {
            layer = layer.flatMap { word in alphabet.map { word + [$0] } }
            all += layer
        }
        return all
    }

    @Test("Coverage agrees with matching for every pair of small filters and every small topic")
    func agreesWithMatching() throws {
        let filters = try Self.words(over: ["a", "$s", "users", "+", "#"], depth: 3)
            .filter { !$0.dropLast().contains("#") }
            .map { try TopicFilter($0.joined(separator: "/")) }
        // "b" stands for any level not named by a filter. Topics have one level more than filters to cover deeper
        // topics.
        let topics = Self.words(over: ["a", "b", "$s", "users"], depth: 4).map { $0.joined(separator: "/") }
        let matched = filters.map { filter in
            Set(topics.indices.filter { filter.matches(topics[$0], protecting: ["users"]) })
        }
        for (wide, wideTopics) in zip(filters, matched) {
            for (narrow, narrowTopics) in zip(filters, matched) {
                let covers = wide.covers(narrow, protecting: ["users"])
                if covers != narrowTopics.isSubset(of: wideTopics) {
                    Issue.record("\(wide) covers \(narrow): \(covers)")
                }
            }
        }
    }

    @Test(
        "A filter that another one covers is not subscribed",
        arguments: [
            (["sensors/+", "sensors/#", "tele/+/SENSOR"], ["sensors/#", "tele/+/SENSOR"]),
            (["a", "b", "a"], ["a", "b"]),
            (["#", "+/#"], ["#"]),
            (["+/#", "#", "x"], ["+/#"]),
            (["#", "$SYS/#"], ["#", "$SYS/#"]),
            (["$share/g/a/b", "$share/g/a/#", "a/b"], ["$share/g/a/#", "a/b"]),
            ([], []),
        ])
    func minimal(filters: [String], expected: [String]) throws {
        let result = TopicFilter.minimal(try filters.map { try TopicFilter($0) })
        #expect(result.map(\.rawValue) == expected)
    }

    @Test(
        "Two filters overlap if some topic matches both",
        arguments: [
            ("sensors/+", "sensors/a", true), ("sensors/#", "sensors", true), ("sensors/+", "+/a", true),
            ("a/+/c", "a/b/#", true), ("#", "a/b", true), ("a/b", "a/b", true), ("a/#", "b/#", false),
            ("a/+", "a/b/c", false), ("a", "a/+", false), ("a/+/#", "a", false), ("#", "$SYS/a", false),
            ("+/a", "$SYS/a", false),
        ])
    func overlaps(one: String, other: String, expected: Bool) throws {
        let filters = (try TopicFilter(one), try TopicFilter(other))
        #expect(filters.0.overlaps(filters.1) == expected)
        #expect(filters.1.overlaps(filters.0) == expected)
    }
}
