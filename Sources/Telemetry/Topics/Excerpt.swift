/// A text in quotes, cut when it is long: for naming input in messages without repeating all of it.
struct Excerpt: CustomStringConvertible {
    private static let maximumScalarCount = 80

    let description: String

    init(of text: some StringProtocol) {
        // Looks at no more of a huge text than it shows; a single character may be huge, a scalar is not.
        let head = text.unicodeScalars.prefix(Self.maximumScalarCount)
        description = "'\(String(String.UnicodeScalarView(head)))\(head.endIndex == text.endIndex ? "" : "…")'"
    }
}
