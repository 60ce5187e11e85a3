/// Why a key of a set is left out: not made for signatures, or of a kind that is not supported.
struct UnusableKey: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
