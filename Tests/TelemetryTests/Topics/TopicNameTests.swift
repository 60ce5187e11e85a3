import Testing

@testable import Core
@testable import Telemetry

@Suite("Topic names according to MQTT 5 section 4.7")
struct TopicNameTests {
    @Test(
        "A valid name is kept unchanged and split into levels",
        arguments: [
            ("sensors/d1", ["sensors", "d1"]), ("/", ["", ""]), ("a//b", ["a", "", "b"]), ("$SYS/x", ["$SYS", "x"]),
            ("Gewächshaus/ä", ["Gewächshaus", "ä"]), (" ", [" "]),
        ])
    func accepts(name: String, levels: [String]) throws {
        let topic = try TopicName(name)
        #expect(topic.rawValue == name)
        #expect(topic.levels.map(String.init) == levels)
    }

    @Test(
        "An invalid name is rejected with the reason",
        arguments: [
            ("", TopicNameError.Problem.empty), ("a/+", .containsWildcard), ("a#", .containsWildcard),
            ("a\0b", .containsNull), (String(repeating: "a", count: 65_536), .tooLong),
            (String(repeating: "/", count: 128), .tooManyLevels),
        ])
    func refuses(name: String, problem: TopicNameError.Problem) {
        #expect(throws: TopicNameError(name: name, problem: problem)) { try TopicName(name) }
    }

    @Test("The longest and the deepest allowed names are accepted")
    func limits() throws {
        _ = try TopicName(String(repeating: "a", count: 65_535))
        #expect(try TopicName(String(repeating: "/", count: 127)).levels.count == 128)
    }

    @Test("An error names the topic, truncated if long, and what is allowed")
    func describesErrors() {
        #expect("\(TopicNameError(name: "a/+", problem: .containsWildcard))".contains("'a/+' contains '+' or '#'"))
        let long = TopicNameError(name: String(repeating: "a", count: 70_000), problem: .tooLong)
        #expect(long.description.utf8.count < 250)
    }
}
