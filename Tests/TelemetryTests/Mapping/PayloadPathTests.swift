import Core
import Testing

@testable import Telemetry

@Suite("Paths to values in a payload")
struct PayloadPathTests {
    private static let payload = Array(
        #"{"a":{"b":[10,{"c":11},[12]],"x.y":13,"0":14},"[]":15,"$":{"p":16},"back\\slash":17,"é":18}"#.utf8)

    @Test(
        "A path leads to a member, an element or nothing",
        arguments: [
            ("a.b[0]", 10), ("a.b.0", 10), ("a.b[1].c", 11), ("a.b.1.c", 11), ("a.b[2][0]", 12), ("a.b.2.0", 12),
            (#"a.x\.y"#, 13), ("a.0", 14), (#"\[\]"#, 15), (#"\$.p"#, 16), ("$.a.0", 14), (#"back\\slash"#, 17),
            ("é", 18), ("a.b[3]", nil), ("a.b.c", nil), ("a[0]", nil), ("a.b.999999", nil), ("b", nil), ("a.x.y", nil),
            ("$.p", nil), (#"a.b.\0"#, nil),
        ] as [(String, Double?)])
    func lookup(path: String, value: Double?) throws {
        let found = try PayloadPath(path).value(in: try JSONParser.parse(Self.payload))
        #expect(found == value.map(JSONValue.number))
    }

    @Test("`$` is the whole payload, and paths that begin with it are known")
    func root() throws {
        let payload = try JSONParser.parse(Self.payload)
        #expect(try PayloadPath("$").value(in: payload) == payload)
        #expect(try ["$", "$.a", "$[0]"].allSatisfy { try PayloadPath($0).isFromRoot })
        #expect(try ["$a", "a", #"\$"#].allSatisfy { try !PayloadPath($0).isFromRoot })
        #expect(
            try PayloadPath("[1].v").value(in: .array([.null, .object([.init(name: "v", value: .null)])])) == .null)
    }

    @Test("A search continues behind the member that was found last, and wraps around")
    func cursor() throws {
        let payload = try JSONParser.parse(Array(#"{"a":1,"b":{"c":2},"d":3}"#.utf8))
        var cursor = 0
        for (path, value, next) in [("b.c", 2, 2), ("a", 1, 1), ("d", 3, 3), ("a", 1, 1), ("x", nil, 1)]
            as [(String, Double?, Int)]
        {
            #expect(try PayloadPath(path).value(in: payload, from: &cursor) == value.map(JSONValue.number))
            #expect(cursor == next)
        }
    }

    @Test(
        "An invalid path is an error that says what is allowed",
        arguments: [
            ("", "allowed: 1 to 256 bytes"), (String(repeating: "a", count: 257), "allowed: 1 to 256 bytes"),
            ("a..b", "empty name"), (".a", "empty name"), ("a.", "empty name"), ("$.", "empty name"), ("a[", "[0]"),
            ("a[-1]", "[0]"), ("a[x]", "[0]"), ("a[1000000]", "0 to 999999"), ("a[0]b", "needs '.'"), ("a]", "\\]"),
            (#"a\"#, "backslash"), (String(repeating: "a.", count: 16) + "a", "at most 16"),
        ])
    func invalid(path: String, words: String) throws {
        let error = try #require(throws: InvalidText.self) { try PayloadPath(path) }
        #expect(error.description.contains(words), "\(error)")
    }

    @Test("A path of sixteen steps is allowed")
    func longest() throws {
        _ = try PayloadPath(String(repeating: "a.", count: 15) + "a")
    }
}
