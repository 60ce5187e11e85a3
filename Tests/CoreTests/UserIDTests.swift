import Core
import Testing

@Suite("A user's name can stand in an inbox's name")
struct UserIDTests {
    @Test(
        "names that can",
        arguments: ["ann", "Ann B", "$x", "caf\u{E9}", "a\u{301}x", String(repeating: "a", count: 128)])
    func accepts(name: String) {
        let normal = name.inNormalForm
        #expect(UserID(normal)?.rawValue.utf8.elementsEqual(normal.utf8) == true)
    }

    @Test(
        "names that cannot",
        arguments: [
            "", "a/b", "+", "#", "a\0", "a\nb", "a\u{7F}", "a\u{85}", "\u{301}x", "cafe\u{301}", "\u{212A}evin",
            String(repeating: "a", count: 129),
        ])
    func refuses(name: String) {
        #expect(UserID(name) == nil)
    }

    @Test("A user ID takes the memory of its name, and sorts as the name does")
    func value() {
        #expect(MemoryLayout<UserID>.size == MemoryLayout<String>.size)
        #expect((["bob", "ann"] as [UserID]).sorted().map(\.rawValue) == ["ann", "bob"])
    }
}
