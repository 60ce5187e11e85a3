import COpenSSL

/// A public key that verifies signatures of one kind. Its initializers return `nil` for parameters that are not a valid
/// key.
package final class PublicKey: @unchecked Sendable {
    /// A curve for ECDSA (FIPS 186-5).
    package enum Curve: Sendable {
        case p256, p384

        fileprivate var name: String { self == .p256 ? "P-256" : "P-384" }
        fileprivate var digest: Digest { self == .p256 ? .sha256 : .sha384 }
        fileprivate var coordinateBytes: Int { self == .p256 ? 32 : 48 }
    }

    private enum Kind {
        case rsa
        case ecdsa(Curve)
        case ed25519
    }

    // OpenSSL does not change a key that verifies, so threads may share it.
    private let key: OpaquePointer
    private let kind: Kind

    private init?(_ key: OpaquePointer?, _ kind: Kind) {
        defer { ERR_clear_error() }
        guard let key else { return nil }
        self.key = key
        self.kind = kind
    }

    deinit {
        EVP_PKEY_free(key)
    }

    /// Creates a key for RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2).
    ///
    /// - Parameters:
    ///   - modulus: A big-endian number of 2,048 to 8,192 bits. Verifying with a larger one would take long.
    ///   - exponent: An odd big-endian number from 3, of at most 33 bits.
    package convenience init?(rsaModulus modulus: [UInt8], exponent: [UInt8]) {
        let number = exponent.drop { $0 == 0 }
        let value = number.count <= 5 ? number.reduce(0) { $0 << 8 | UInt64($1) } : .max
        guard value >= 3, value < 1 << 33, value % 2 == 1 else { return nil }
        let digits = modulus.drop { $0 == 0 }
        let bits = digits.count * 8 - (digits.first?.leadingZeroBitCount ?? 0)
        guard (2048...8192).contains(bits), digits.last.map({ $0 % 2 == 1 }) == true else { return nil }
        let n = BN_bin2bn(modulus, Int32(modulus.count), nil)
        let e = BN_bin2bn(exponent, Int32(exponent.count), nil)
        defer {
            BN_free(n)
            BN_free(e)
        }
        self.init(COpenSSL_rsa_public_key(n, e), .rsa)
    }

    /// Creates a key for ECDSA with the curve's hash function.
    ///
    /// - Parameter point: An uncompressed point of the curve (SEC 1 section 2.3.3).
    package convenience init?(_ curve: Curve, point: [UInt8]) {
        guard point.count == 1 + 2 * curve.coordinateBytes, point[0] == 4 else { return nil }
        self.init(COpenSSL_ec_public_key(curve.name, point, point.count), .ecdsa(curve))
        guard let context = EVP_PKEY_CTX_new_from_pkey(nil, self.key, nil) else { return nil }
        defer {
            EVP_PKEY_CTX_free(context)
            ERR_clear_error()
        }
        guard EVP_PKEY_public_check(context) == 1 else { return nil }
    }

    /// Creates a key for Ed25519 (RFC 8032), of 32 bytes.
    package convenience init?(ed25519 bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.init(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count), .ed25519)
    }

    /// Returns true when this key made the signature of the message. ECDSA signatures are the two numbers, each as long
    /// as a coordinate (IEEE P1363).
    package func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        defer { ERR_clear_error() }
        return switch kind {
        case .rsa: verifies(signature, of: message, Digest.sha256.algorithm)
        case .ed25519: verifies(signature, of: message, nil)
        case .ecdsa(let curve):
            Self.der(signature, curve).map { verifies($0, of: message, curve.digest.algorithm) } ?? false
        }
    }

    private func verifies(_ signature: [UInt8], of message: [UInt8], _ digest: OpaquePointer?) -> Bool {
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        return EVP_DigestVerifyInit(context, nil, digest, nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    /// Converts an ECDSA signature to DER, the form that OpenSSL takes.
    private static func der(_ signature: [UInt8], _ curve: Curve) -> [UInt8]? {
        let size = curve.coordinateBytes
        guard signature.count == 2 * size, let pair = ECDSA_SIG_new() else { return nil }
        defer { ECDSA_SIG_free(pair) }
        let r = BN_bin2bn(signature, Int32(size), nil)
        let s = BN_bin2bn(Array(signature[size...]), Int32(size), nil)
        guard ECDSA_SIG_set0(pair, r, s) == 1 else { return nil }
        let count = Int(i2d_ECDSA_SIG(pair, nil))
        guard count > 0 else { return nil }
        return [UInt8](unsafeUninitializedCapacity: count) { target, written in
            var end = target.baseAddress
            written = Int(i2d_ECDSA_SIG(pair, &end))
        }
    }
}
