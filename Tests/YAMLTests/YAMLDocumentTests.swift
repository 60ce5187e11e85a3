import Core
import Foundation
import Testing
import YAML

/// All file formats in YAML share this reader, so what it promises holds for each of them.
@Suite("Reading YAML")
struct YAMLDocumentTests {
    /// Reads a file whose format has a few keys, and returns the problems as shown to a user.
    private static func problems(_ text: String) -> [String] {
        do {
            let document = try YAMLDocument(path: "a.yaml", text: text)
            if let fields = try document.requiredRoot().mapping() {
                _ = fields.required("name", .text(characters: 1...8))
                _ = fields.read("limit", .integer(in: 1...9))
                _ = fields.read("share", .number(in: 0...1))
                _ = fields.read("active", .bool)
                if let list = fields["waits"]?.list(1...2) {
                    for wait in list { _ = wait.read(.duration(in: .zero ... .seconds(60))) }
                }
                if let nested = fields["nested"]?.mapping() { _ = nested.read("name", .text()) }
            }
            try document.finish()
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    static let mistakes: [(text: String, problem: String)] = [
        ("", "a.yaml: the file is empty"),
        ("- a", "a.yaml:1: a list is not valid; allowed: a mapping, one key: value per line or in { }"),
        ("limit: 1", "a.yaml:1: name: required key is missing; allowed: text of 1 to 8 characters"),
        ("\nname:\nlimit: 1", "a.yaml:2: name: required key is missing; allowed: text of 1 to 8 characters"),
        ("name: ~", "a.yaml:1: name: \"~\" is not valid; allowed: text of 1 to 8 characters"),
        ("name: a\nlimit: 10", "a.yaml:2: limit: \"10\" is not valid; allowed: a whole number from 1 to 9"),
        ("name: a\nlimit: \"30\"", "a.yaml:2: limit: \"30\" is not valid; allowed: a whole number from 1 to 9"),
        ("name: a\nshare: 0x1", "a.yaml:2: share: \"0x1\" is not valid; allowed: a number from 0 to 1"),
        ("name: a\nactive: yes", "a.yaml:2: active: \"yes\" is not valid; allowed: true or false"),
        (
            "name: a\nwaits:\n- 1s\n- 2m",
            "a.yaml:4: waits[1]: \"2m\" is not valid; allowed: a duration from 0s to 1m, such as 500ms, 10s, 5m, 1h or 7d"
        ),
        ("name: a\nwaits: []", "a.yaml:2: waits: a list of length 0 is not valid; allowed: a list of 1 to 2 elements"),
        ("name: a\nwaits: 1s", "a.yaml:2: waits: \"1s\" is not valid; allowed: a list of 1 to 2 elements"),
        ("name: a\nnested: {nam: b}", "a.yaml:2: nested.nam: unknown key; did you mean \"name\"? allowed: name"),
        ("name: a\ncolour: b", "a.yaml:2: colour: unknown key; allowed: active, limit, name, nested, share, waits"),
        ("name: a\n!x name: b", "a.yaml:2: name: duplicate key"),
        ("name: a\n? [b]\n: c", "a.yaml:2: a list or mapping is not valid as a key; allowed: text"),
        (
            "name: \"a\\n\\\"b\\\"\\n012345\"",
            #"a.yaml:1: name: "a\n\"b\"\n012345" is not valid; allowed: text of 1 to 8 characters"#
        ),
        ("name: a\nname: b", "a.yaml:1: duplicate key name"),
        (
            "name: [",
            "a.yaml:2: the file is not valid YAML: did not find expected node content while parsing a flow node"
        ),
    ]

    @Test("A mistake is named with line, key, value and what is allowed", arguments: mistakes)
    func mistake(_ text: String, _ problem: String) {
        #expect(Self.problems(text) == [problem])
    }

    @Test(
        "A text that YAML would read as something else needs quotes, and the error says so",
        arguments: [
            ("name: *", "a text that begins with * needs quotes"),
            ("- name: *-pump", "a text that begins with * needs quotes"),
            ("name: {device}/x", "a text that begins with { needs quotes"),
            ("name: {device}", "a text that begins with { needs quotes"),
            ("name: @home", "a text that begins with @ needs quotes"),
            ("name: `x`", "a text that begins with ` needs quotes"),
            ("name: %d", "a text that begins with % needs quotes"),
            ("name: too: hot", "a text with \": \" in it needs quotes"),
            ("nested: {name: {device}/x}", "a string with { } inside { } needs quotes"),
        ])
    func quotes(text: String, advice: String) {
        let problems = Self.problems(text)
        #expect(problems.count == 1 && problems[0].hasSuffix(advice), "\(problems)")
    }

    @Test("A key with nothing after its colon counts as missing, and the rest is read")
    func valid() throws {
        #expect(Self.problems("name: 7\nlimit:\nshare: 1e-1\nactive: true\nwaits: [1s, 1m]\nnested: {}") == [])
    }

    @Test("All mistakes are reported at once, in the order of their lines")
    func several() {
        let problems = Self.problems("colour: b\nlimit: 0\nnested: {name: [a]}\nname: a\nshare: 2")
        #expect(
            problems.map { $0.split(separator: ": ").prefix(2).joined(separator: ": ") }
                == ["a.yaml:1: colour", "a.yaml:2: limit", "a.yaml:3: nested.name", "a.yaml:5: share"])
    }

    @Test(
        "A text that may be a secret is not shown: where a section should be, and in what is no YAML",
        arguments: ["name: a\nnested: hush-hush", "name: 'hush-hush\n", "nested: {name: @hush-hush}"])
    func secrets(text: String) {
        let problems = Self.problems(text)
        #expect(!problems.isEmpty)
        #expect(!problems.contains { $0.contains("hush") }, "\(problems)")
    }

    @Test("A file that cannot be read, is too large or is not UTF-8")
    func files() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "a.yaml").path
        func problem(maxBytes: Int? = nil) -> String? {
            do {
                _ = try YAMLDocument(contentsOf: path, maxBytes: maxBytes)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(problem() == "\(path): the file cannot be read")
        try Data("a: b".utf8).write(to: URL(filePath: path))
        #expect(problem() == nil)
        #expect(problem(maxBytes: 4) == nil)
        #expect(problem(maxBytes: 3) == "\(path): the file is too large; allowed: at most 3 bytes")
        try Data([0x61, 0x3A, 0xFF]).write(to: URL(filePath: path))
        #expect(problem() == "\(path): the file is not valid UTF-8")
        for name in ["c.yml", ".b.yaml", "notes.txt"] { try Data().write(to: folder.appending(path: name)) }
        #expect(YAMLDocument.files(in: folder.path + "/") == [path, folder.appending(path: "c.yml").path])
        #expect(YAMLDocument.files(in: path) == nil)
    }
}
