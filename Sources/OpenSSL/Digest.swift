import COpenSSL

/// A cryptographic hash function.
package enum Digest: Sendable {
    /// SHA-1 (FIPS 180-4), only for the accept key of WebSockets (RFC 6455 section 4.2.2).
    case sha1
    /// SHA-256 (FIPS 180-4).
    case sha256
    /// SHA-384 (FIPS 180-4).
    case sha384

    /// Returns the hash of the bytes: 20, 32 or 48 of them.
    package func hash(_ bytes: some Collection<UInt8>) -> [UInt8] {
        let bytes = Array(bytes)
        return [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { target, count in
            var size: UInt32 = 0
            let code = EVP_Digest(bytes, bytes.count, target.baseAddress, &size, algorithm, nil)
            precondition(code == 1, "OpenSSL offers no \(self)")
            count = Int(size)
        }
    }

    var algorithm: OpaquePointer? {
        switch self {
        case .sha1: EVP_sha1()
        case .sha256: EVP_sha256()
        case .sha384: EVP_sha384()
        }
    }
}

/// A key for message authentication codes by HMAC-SHA256 (RFC 2104).
package struct AuthenticationKey: Sendable {
    private let key: [UInt8]

    package init(_ key: [UInt8]) {
        self.key = key
    }

    /// Returns the code of the message, 32 bytes.
    package func code(of message: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { target, count in
            var size: UInt32 = 0
            let code = HMAC(
                EVP_sha256(), key, Int32(key.count), message, message.count, target.baseAddress, &size)
            precondition(code != nil, "OpenSSL offers no HMAC-SHA256")
            count = Int(size)
        }
    }

    /// Returns true when `code` is that of the message. Compares in constant time.
    package func isValid(_ code: [UInt8], of message: [UInt8]) -> Bool {
        let expected = self.code(of: message)
        return code.count == expected.count && CRYPTO_memcmp(code, expected, expected.count) == 0
    }
}
