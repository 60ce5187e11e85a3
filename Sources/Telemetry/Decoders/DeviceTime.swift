/// The times that devices write into their payloads.
enum DeviceTime {
    /// The time in a JSON member: Unix time as a number or a string of one, or ISO 8601; `null` is no time.
    ///
    /// Throws ``DecodeError/badTime(_:)`` for anything else: a value at an unknown time is no reading.
    static func timestamp(from value: JSONValue) throws(DecodeError) -> Timestamp? {
        switch value {
        case .null: return nil
        case .number(let number):
            guard let timestamp = timestamp(fromUnixTime: number) else { throw .badTime(number.description) }
            return timestamp
        case .string(let text):
            if let timestamp = Timestamp(iso8601: text) { return timestamp }
            guard let number = Double(text), let timestamp = timestamp(fromUnixTime: number) else {
                throw .badTime(text)
            }
            return timestamp
        case .bool, .array, .object: throw .badTime(value.kind)
        }
    }

    /// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by magnitude.
    ///
    /// The borders are 1e11, 1e14 and 1e17: in each unit that is March 1973, and no year before 5138 in the unit below.
    static func timestamp(fromUnixTime number: Double) -> Timestamp? {
        switch number.magnitude {
        case ..<1e11: return Timestamp(secondsSinceEpoch: number)
        case ..<1e14: return Timestamp(millisecondsSinceEpoch: number)
        case ..<1e17: return Timestamp(microsecondsSinceEpoch: number)
        default:
            guard let nanoseconds = Int64(exactly: number.rounded()) else { return nil }
            return Timestamp(nanosecondsSinceEpoch: nanoseconds)
        }
    }
}
