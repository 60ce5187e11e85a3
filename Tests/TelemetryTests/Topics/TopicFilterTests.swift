import Testing

@testable import Core
@testable import Telemetry

@Suite("Topic filters match according to MQTT 5 section 4.7")
struct TopicFilterTests {
    @Test(
        "Topics that match",
        arguments: [
            ("sport/tennis/player1/#", "sport/tennis/player1"),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking"),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"),
            ("sport/#", "sport"), ("#", "a"), ("#", "a/b/c"), ("#", "/"), ("+", "finance"), ("/+", "/finance"),
            ("+/+", "/finance"), ("sport/tennis/+", "sport/tennis/player1"), ("sport/+", "sport/"),
            ("+/tennis/#", "sport/tennis"), ("$SYS/#", "$SYS/broker/uptime"),
            ("$SYS/monitor/+", "$SYS/monitor/Clients"),
            ("a/+/c", "a//c"), ("users/#", "users/ann"), ("$share/g/sensors/+", "sensors/d1"), ("ä/+", "ä/1"),
        ])
    func matches(filter: String, topic: String) throws {
        #expect(try TopicFilter(filter).matches(topic, protecting: ["users"]))
    }

    @Test(
        "Topics that do not match",
        arguments: [
            ("sport/tennis/+", "sport/tennis/player1/ranking"), ("sport/+", "sport"), ("+", "/finance"),
            ("#", "$SYS/broker"), ("+/monitor/Clients", "$SYS/monitor/Clients"), ("#", "users/ann"),
            ("+/ann", "users/ann"), ("sport", "sport/"), ("sport", "Sport"), ("sport/#", "sports"), ("+", "users"),
            ("$share/g/#", "$SYS/x"),
        ])
    func doesNotMatch(filter: String, topic: String) throws {
        #expect(try !TopicFilter(filter).matches(topic, protecting: ["users"]))
    }

    @Test("Without protected levels, a leading wildcard matches 'users' too")
    func protectsOnlyWhatIsNamed() throws {
        #expect(try TopicFilter("#").matches("users/ann"))
    }

    @Test(
        "A filter that MQTT does not allow is rejected with the reason",
        arguments: [
            ("", TopicError.Problem.empty), ("sport+", .partialWildcard("sport+")),
            ("sport/tennis#", .partialWildcard("tennis#")), ("sport/#/ranking", .multiLevelNotLast),
            ("a/++", .partialWildcard("++")), ("a\0", .containsNull), ("$share", .badShare), ("$share/g", .badShare),
            ("$share//a", .badShare), ("$share/g/", .badShare), ("$share/g+/a", .badShare),
            (String(repeating: "a", count: 65_536), .tooLong), (String(repeating: "/", count: 128), .tooManyLevels),
        ])
    func refuses(filter: String, problem: TopicError.Problem) {
        #expect(throws: TopicError(.filter, filter, problem)) { try TopicFilter(filter) }
    }

    @Test("An error names the filter and what is allowed")
    func describesErrors() {
        let error = TopicError(.filter, "a/b+", .partialWildcard("b+"))
        #expect(
            error.description
                == "the filter 'a/b+' has a wildcard inside the level 'b+'; '+' and '#' must be whole levels")
    }

    @Test("A filter without wildcards is a topic name")
    func isName() throws {
        #expect(try TopicFilter("sensors/d1").isName)
        #expect(try !TopicFilter("sensors/+").isName)
        #expect(try !TopicFilter("sensors/#").isName)
        #expect(try TopicFilter(TopicName("sensors/d1")) == TopicFilter("sensors/d1"))
    }

    @Test("A shared subscription consists of a group and a filter")
    func shared() throws {
        let filter = try TopicFilter("$share/gateways/sensors/+/temperature")
        #expect(filter.shareGroup == "gateways")
        #expect(try filter.underlying == TopicFilter("sensors/+/temperature"))
        #expect(filter.levels == ["sensors", "+", "temperature"])
        #expect(filter.rawValue == "$share/gateways/sensors/+/temperature")
        let plain = try TopicFilter("sensors/#")
        #expect(plain.shareGroup == nil)
        #expect(plain.underlying == plain)
        #expect(try TopicFilter("$share/g//a").underlying.rawValue == "/a")
    }
}
