/// Makes identifiers that nobody can guess and that do not repeat. Handed in through `init`, so that tests can count.
package protocol IDGenerator: Sendable {
    /// A new identifier: letters, digits, `-` and `_` only.
    func next() -> String
}

/// 120 random bits in base 32, from the system's generator: 24 characters.
package struct RandomIDGenerator: IDGenerator {
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    package init() {}

    package func next() -> String {
        var random = SystemRandomNumberGenerator()
        return String(unsafeUninitializedCapacity: 24) { buffer in
            for half in 0..<2 {
                var bits = random.next()
                for index in 0..<12 {
                    buffer[half * 12 + index] = Self.alphabet[Int(bits & 31)]
                    bits >>= 5
                }
            }
            return 24
        }
    }
}
