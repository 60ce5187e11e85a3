/// Finds where bytes stop being UTF-8; whether they are is asked with `String(validating:as:)`.
enum UTF8Validation {
    /// How many bytes from the start are well-formed UTF-8.
    static func validPrefixCount(of bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var count = 0
        while case .valid(let scalar) = parser.parseScalar(from: &iterator) { count += scalar.count }
        return count
    }
}
