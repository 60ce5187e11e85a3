import Testing

@testable import WebServer

/// The validator agrees with the standard library and decides at the first decisive byte.
@Suite("UTF-8 validator")
struct UTF8ValidatorTests {
    private static func verdict(_ bytes: [UInt8], step: Int = .max) -> Bool {
        var validator = UTF8Validator()
        var rest = bytes[...]
        while !rest.isEmpty {
            guard rest.prefix(step).withUnsafeBytes({ validator.take($0) }) else { return false }
            rest = rest.dropFirst(step)
        }
        return validator.isComplete
    }

    /// The boundary bytes of RFC 3629's table.
    private static let edgeBytes: [UInt8] = [
        0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
        0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
    ]

    @Test("The validator agrees with the standard library for all edge cases of three and four bytes")
    func edges() {
        for first in Self.edgeBytes {
            for second in Self.edgeBytes {
                for third in Self.edgeBytes {
                    let three = [first, second, third]
                    #expect(Self.verdict(three) == (String(validating: three, as: UTF8.self) != nil), "\(three)")
                    guard first >= 0xF0 else { continue }
                    for fourth in Self.edgeBytes {
                        let four = three + [fourth]
                        #expect(Self.verdict(four) == (String(validating: four, as: UTF8.self) != nil), "\(four)")
                    }
                }
            }
        }
    }

    @Test("The result does not depend on how the text is split", arguments: 1...17)
    func pieces(_ step: Int) {
        let text = Array("plain text, then κόσμε, 漢字 and 😀😀 and plain text again".utf8)
        #expect(Self.verdict(text, step: step))
        #expect(!Self.verdict(text.dropLast(text.count - 24) + [0xFF], step: step))
    }

    @Test("An invalid byte is rejected when it arrives, not at the end of its character")
    func early() {
        for bytes in [[0xC0], [0xE0, 0x80], [0xED, 0xA0], [0xF0, 0x8F], [0xF4, 0x90], [0xF5], [0xE2, 0x41]] as [[UInt8]]
        {
            var validator = UTF8Validator()
            #expect(bytes.dropLast().withUnsafeBytes { validator.take($0) }, "\(bytes)")
            #expect(!bytes.suffix(1).withUnsafeBytes { validator.take($0) }, "\(bytes)")
        }
    }
}
