/// Finds a name that comes twice in one JSON object, in time that grows with the object's bytes only.
///
/// A few names are compared with each other; more go into a hash set, whose seed no sender knows.
struct JSONMemberNames {
    private static let linearSearchLimit = 32

    /// A bit for each name that was seen, picked by its bytes: while a name's bit is clear it is new, which is how nearly
    /// all names of a small object are told apart.
    private var marks: UInt64 = 0
    private var seen: Set<ExactString> = []

    /// Adds a name to those of `members`; false when it is among them.
    @inline(__always)
    mutating func insert(_ name: String, after members: [JSONMember]) -> Bool {
        guard members.count < Self.linearSearchLimit else { return insertHashed(name, after: members) }
        let mark = Self.mark(of: name)
        guard marks & mark != 0 else {
            marks |= mark
            return true
        }
        let name = ExactString(name)
        return !members.contains { ExactString($0.name) == name }
    }

    private mutating func insertHashed(_ name: String, after members: [JSONMember]) -> Bool {
        if seen.isEmpty {
            seen.reserveCapacity(4 * members.count)
            for member in members { seen.insert(ExactString(member.name)) }
        }
        return seen.insert(ExactString(name)).inserted
    }

    private static func mark(of name: String) -> UInt64 {
        var digest: UInt64 = 0
        for byte in name.utf8 { digest = (digest &+ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15 }
        return 1 << (digest >> 58)
    }
}

/// A string that is compared and hashed byte by byte: what outsiders send is wrapped into one before it is compared.
///
/// `String` itself compares and hashes by canonical equivalence, which takes time by the square of the combining marks
/// that follow each other: seconds for a text of 200 KiB.
package struct ExactString: Hashable, Sendable, ExpressibleByStringLiteral {
    private let value: String

    package init(_ value: some StringProtocol) {
        self.value = String(value)
    }

    package init(stringLiteral value: String) {
        self.value = value
    }

    @inline(__always)
    package static func == (one: ExactString, other: ExactString) -> Bool {
        guard one.value.utf8.count == other.value.utf8.count else { return false }
        let isEqual = one.value.utf8.withContiguousStorageIfAvailable { bytes in
            other.value.utf8.withContiguousStorageIfAvailable { areEqual(bytes, $0) }
        }
        return (isEqual ?? nil) ?? one.value.utf8.elementsEqual(other.value.utf8)
    }

    /// Compares as many bytes as there are in `bytes`, eight at a time.
    private static func areEqual(_ bytes: UnsafeBufferPointer<UInt8>, _ others: UnsafeBufferPointer<UInt8>) -> Bool {
        let (bytes, others) = (UnsafeRawBufferPointer(bytes), UnsafeRawBufferPointer(others))
        var index = 0
        while index + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if word != others.loadUnaligned(fromByteOffset: index, as: UInt64.self) { return false }
            index += 8
        }
        while index < bytes.count {
            if bytes[index] != others[index] { return false }
            index += 1
        }
        return true
    }

    package func hash(into hasher: inout Hasher) {
        let isWhole: Void? = value.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if isWhole == nil { for byte in value.utf8 { hasher.combine(byte) } }
    }
}
