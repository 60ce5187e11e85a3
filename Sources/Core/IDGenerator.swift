/// A source of unique, unguessable identifiers, injected through `init` so that tests can use predictable ones.
package protocol IDGenerator: Sendable {
    /// Returns a new identifier made of letters, digits, `-` and `_` only.
    func next() -> String
}

/// A generator of identifiers with 24 characters: 120 bits from the system's random number generator, in base 32.
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
