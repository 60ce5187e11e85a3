/// The payloads that say whether a device is there.
///
///     online                       offline, Online, connected, disconnected, true, false, 1, 0
///     {"state":"online"}           {"status":false}: any of these words, as a string, truth value or number
///
/// Words count in any case, with white space around them. When an object has both, `state` counts.
enum StatusPayload {
    /// Whether the payload says that the device is online; throws ``DecodeError/badStatus(_:)`` when it says neither.
    static func isOnline(_ payload: [UInt8], limits: DecodingLimits) throws(DecodeError) -> Bool {
        try limits.check(byteCount: payload.count)
        guard let text = String(validating: payload, as: UTF8.self) else {
            throw .invalidUTF8(offset: payload.withUnsafeBufferPointer(UTF8Validation.validPrefixCount))
        }
        switch payload.first(where: { $0 > UInt8(ascii: " ") }) {
        case UInt8(ascii: "{"), UInt8(ascii: "\""):
            do throws(JSONError) {
                let value = try JSONParser.parse(payload, maxDepth: limits.maxDepth)
                if let isOnline = isOnline(value["state"] ?? value["status"] ?? value) { return isOnline }
            } catch {
                throw DecodeError(error)
            }
        default:
            if let isOnline = isOnline(word: text) { return isOnline }
        }
        throw .badStatus(text)
    }

    private static func isOnline(_ value: JSONValue) -> Bool? {
        switch value {
        case .string(let word): isOnline(word: word)
        case .bool(let isOnline): isOnline
        case .number(1): true
        case .number(0): false
        default: nil
        }
    }

    private static func isOnline(word: String) -> Bool? {
        switch trimmed(word)?.lowercased() {
        case "online", "connected", "true", "1": true
        case "offline", "disconnected", "false", "0": false
        default: nil
        }
    }

    /// The text without white space around it; `nil` when that is longer than any word.
    private static func trimmed(_ text: String) -> String? {
        let isWord: (Unicode.Scalar) -> Bool = { !$0.properties.isWhitespace }
        let scalars = text.unicodeScalars
        guard let first = scalars.firstIndex(where: isWord), let last = scalars.lastIndex(where: isWord) else {
            return nil
        }
        let word = Substring(scalars[first...last])
        return word.utf8.count <= 16 ? String(word) : nil
    }
}
