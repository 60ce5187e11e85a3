import OpenSSL
import Testing

/// Hashes, codes, sealed boxes and public keys, against published vectors.
@Suite("Cryptography")
struct CryptographyTests {
    /// Returns the bytes of hexadecimal digits.
    private func bytes(_ hex: String) -> [UInt8] {
        var digits = hex[...]
        var bytes: [UInt8] = []
        while let byte = UInt8(digits.prefix(2), radix: 16) {
            bytes.append(byte)
            digits = digits.dropFirst(2)
        }
        return bytes
    }

    @Test("Hashes of \"abc\" are those of FIPS 180-4")
    func hashes() {
        let text = Array("abc".utf8)
        #expect(Digest.sha1.hash(text) == bytes("a9993e364706816aba3e25717850c26c9cd0d89d"))
        #expect(
            Digest.sha256.hash(text) == bytes("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
        #expect(
            Digest.sha384.hash(text)
                == bytes(
                    "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                        + "8086072ba1e7cc2358baeca134c825a7"))
        let empty = bytes("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(Digest.sha256.hash([UInt8]()) == empty && Digest.sha256.hash(""[...].utf8) == empty)
    }

    @Test("HMAC-SHA256 gives the code of RFC 4231 section 4.3, and accepts no other")
    func authenticationCodes() {
        let key = AuthenticationKey(Array("Jefe".utf8))
        let message = Array("what do ya want for nothing?".utf8)
        let code = bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(key.code(of: message) == code)
        #expect(key.isValid(code, of: message))
        for wrong in [Array(code.dropLast()), code + [0], [], code.map { $0 ^ 1 }] {
            #expect(!key.isValid(wrong, of: message))
        }
        #expect(!key.isValid(code, of: message + [0]))
    }

    @Test("A sealed box opens with its own key only, and only unchanged", arguments: [0, 1, 16, 300])
    func boxes(count: Int) {
        let key = SealingKey()
        let text = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let box = key.seal(text)
        #expect(box.count == 12 + count + 16)
        #expect(key.open(box) == text)
        #expect(key.seal(text) != box)
        #expect(SealingKey().open(box) == nil)
        for index in box.indices {
            var changed = box
            changed[index] ^= 1
            #expect(key.open(changed) == nil)
            #expect(key.open(Array(box[..<index])) == nil)
        }
    }

    @Test("An Ed25519 signature is verified as in RFC 8032 section 7.1, test 2")
    func ed25519() throws {
        let key = try #require(
            PublicKey(ed25519: bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")))
        let signature = bytes(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
        #expect(key.verifies(signature, of: [0x72]))
        #expect(!key.verifies(signature, of: [0x73]))
        #expect(!key.verifies(Array(signature.dropLast()), of: [0x72]))
        #expect(!key.verifies([], of: [0x72]))
        #expect(PublicKey(ed25519: [1, 2, 3]) == nil)
    }

    @Test("An ECDSA signature is verified as in RFC 6979 appendix A.2.5; malformed ones are refused")
    func ecdsa() throws {
        let x = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
        let y = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
        let key = try #require(PublicKey(.p256, point: bytes("04" + x + y)))
        let r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
        let s = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
        let zero = String(repeating: "0", count: 64)
        let message = Array("sample".utf8)
        #expect(key.verifies(bytes(r + s), of: message))
        for wrong in [s + r, r + zero, zero + s, zero + zero, r, r + s + "00", ""] {
            #expect(!key.verifies(bytes(wrong), of: message), "\(wrong)")
        }
        // Another y is not on the curve; 02 begins a compressed point, 00 is infinity.
        for point in ["04" + x + x, "02" + x, "00", "04" + x, ""] {
            #expect(PublicKey(.p256, point: bytes(point)) == nil, "\(point)")
        }
        #expect(PublicKey(.p384, point: bytes("04" + x + y)) == nil)
    }

    @Test("RSA keys have 2,048 to 8,192 bits and a usual exponent")
    func rsaKeys() throws {
        func modulus(_ byteCount: Int) -> [UInt8] { [0xC5] + [UInt8](repeating: 0xA7, count: byteCount - 1) }
        let common: [UInt8] = [1, 0, 1]
        #expect(PublicKey(rsaModulus: modulus(256), exponent: common) != nil)
        #expect(PublicKey(rsaModulus: [0, 0] + modulus(1024), exponent: [0, 3]) != nil)
        for count in [1, 255, 1025, 4096] {
            #expect(PublicKey(rsaModulus: modulus(count), exponent: common) == nil)
        }
        for exponent: [UInt8] in [[], [0], [1], [2], [1, 0, 0], [2, 0, 0, 0, 1], [UInt8](repeating: 1, count: 64)] {
            #expect(PublicKey(rsaModulus: modulus(256), exponent: exponent) == nil, "\(exponent)")
        }
        let even = modulus(256).dropLast() + [0]
        #expect(PublicKey(rsaModulus: Array(even), exponent: common) == nil)
    }
}
