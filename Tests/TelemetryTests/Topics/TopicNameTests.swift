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
            ("", TopicError.Problem.empty), ("a/+", .containsWildcard), ("a#", .containsWildcard),
            ("a\0b", .containsNull), (String(repeating: "a", count: 65_536), .tooLong),
            (String(repeating: "/", count: 128), .tooManyLevels),
        ])
    func refuses(name: String, problem: TopicError.Problem) {
        #expect(throws: TopicError(.name, name, problem)) { try TopicName(name) }
    }

    @Test("The longest and the deepest allowed names are accepted")
    func limits() throws {
        _ = try TopicName(String(repeating: "a", count: 65_535))
        #expect(try TopicName(String(repeating: "/", count: 127)).levels.count == 128)
    }

    @Test("An error names the topic, truncated if long, and what is allowed")
    func describesErrors() {
        #expect("\(TopicError(.name, "a/+", .containsWildcard))".contains("'a/+' contains '+' or '#'"))
        let long = TopicError(.name, String(repeating: "a", count: 70_000), .tooLong)
        #expect(long.description.utf8.count < 250)
    }
}
