import COpenSSL
import OpenSSL

@testable import WebServer

/// A key pair generated for a test. It signs any header and payload, valid or not, and exports its public half as a
/// JWK.
struct SigningKey: Sendable {
    let id: String?
    let algorithm: TokenAlgorithm
    /// The members of the public JWK without `kid`, such as `"kty":"EC",…`.
    let members: String
    private let sign: @Sendable (_ message: [UInt8]) -> [UInt8]

    /// RSA keys are slow to generate, so all tests share one.
    private static let rsa = PrivateKey(type: "RSA")

    static func make(_ algorithm: TokenAlgorithm, id: String? = nil) throws -> SigningKey {
        let members: String
        let sign: @Sendable ([UInt8]) -> [UInt8]
        switch algorithm {
        case .hs256:
            let key = AuthenticationKey(Array(TokenFixture.secret.utf8))
            sign = { key.code(of: $0) }
            members = #""kty":"oct","k":"\#(Base64URL.encode(Array(TokenFixture.secret.utf8)))""#
        case .rs256:
            let key = rsa
            sign = { key.sign($0, EVP_sha256()) }
            let (n, e) = (key.number(OSSL_PKEY_PARAM_RSA_N), key.number(OSSL_PKEY_PARAM_RSA_E))
            members = #""kty":"RSA","n":"\#(Base64URL.encode(n))","e":"\#(Base64URL.encode(e))""#
        case .es256:
            let key = PrivateKey(type: "EC", curve: "P-256")
            sign = { key.signPair($0, EVP_sha256(), coordinateBytes: 32) }
            members = #""kty":"EC","crv":"P-256",\#(key.point())"#
        case .es384:
            let key = PrivateKey(type: "EC", curve: "P-384")
            sign = { key.signPair($0, EVP_sha384(), coordinateBytes: 48) }
            members = #""kty":"EC","crv":"P-384",\#(key.point())"#
        case .eddsa:
            let key = PrivateKey(type: "ED25519")
            sign = { key.sign($0, nil) }
            members = #""kty":"OKP","crv":"Ed25519","x":"\#(Base64URL.encode(key.rawPublicKey()))""#
        }
        return SigningKey(id: id, algorithm: algorithm, members: members, sign: sign)
    }

    /// Returns the public key as a JWK, with additional members such as `"use":"enc"`.
    func jwk(_ further: String = "") -> String {
        let kid = id.map { #","kid":"\#($0)""# } ?? ""
        return "{\(members)\(kid)\(further.isEmpty ? "" : ",\(further)")}"
    }

    /// Returns a token with that payload, signed by this key, under this key's header or another one.
    func token(_ payload: String = TokenFixture.claims(), header: String? = nil) throws -> String {
        let kid = id.map { #","kid":"\#($0)""# } ?? ""
        let header = header ?? #"{"alg":"\#(algorithm.rawValue)"\#(kid)}"#
        let signed = "\(Base64URL.encode(Array(header.utf8))).\(Base64URL.encode(Array(payload.utf8)))"
        return "\(signed).\(Base64URL.encode(sign(Array(signed.utf8))))"
    }
}

/// A private key that OpenSSL has generated.
private final class PrivateKey: @unchecked Sendable {
    private let key: OpaquePointer?

    init(type: String, curve: String? = nil) {
        let context = EVP_PKEY_CTX_new_from_name(nil, type, nil)
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        EVP_PKEY_keygen_init(context)
        if let curve { EVP_PKEY_CTX_set_group_name(context, curve) }
        precondition(EVP_PKEY_generate(context, &key) == 1, "OpenSSL generates no \(type) key")
        self.key = key
    }

    deinit {
        EVP_PKEY_free(key)
    }

    func sign(_ message: [UInt8], _ digest: OpaquePointer?) -> [UInt8] {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        var count = 1024
        var signature = [UInt8](repeating: 0, count: count)
        precondition(
            EVP_DigestSignInit(context, nil, digest, nil, key) == 1
                && EVP_DigestSign(context, &signature, &count, message, message.count) == 1, "OpenSSL does not sign")
        return Array(signature[..<count])
    }

    /// Returns an ECDSA signature as the two numbers, one after the other (RFC 7518 section 3.4).
    func signPair(_ message: [UInt8], _ digest: OpaquePointer?, coordinateBytes: Int) -> [UInt8] {
        let der = sign(message, digest)
        let pair = der.withUnsafeBufferPointer { der in
            var start = der.baseAddress
            return d2i_ECDSA_SIG(nil, &start, der.count)
        }
        defer { ECDSA_SIG_free(pair) }
        return [ECDSA_SIG_get0_r(pair), ECDSA_SIG_get0_s(pair)].flatMap { number in
            var bytes = [UInt8](repeating: 0, count: coordinateBytes)
            BN_bn2binpad(number, &bytes, Int32(coordinateBytes))
            return bytes
        }
    }

    /// Returns a number of the public key, big-endian.
    func number(_ name: String) -> [UInt8] {
        var number: OpaquePointer?
        EVP_PKEY_get_bn_param(key, name, &number)
        defer { BN_free(number) }
        var bytes = [UInt8](repeating: 0, count: Int(BN_num_bits(number) + 7) / 8)
        BN_bn2bin(number, &bytes)
        return bytes
    }

    /// Returns the coordinates of the public point, as members of a JWK.
    func point() -> String {
        var count = 0
        var bytes = [UInt8](repeating: 0, count: 128)
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, &bytes, bytes.count, &count)
        let coordinates = bytes[1..<count]
        let (x, y) = (Array(coordinates.prefix(count / 2)), Array(coordinates.suffix(count / 2)))
        return #""x":"\#(Base64URL.encode(x))","y":"\#(Base64URL.encode(y))""#
    }

    func rawPublicKey() -> [UInt8] {
        var count = 32
        var bytes = [UInt8](repeating: 0, count: count)
        EVP_PKEY_get_raw_public_key(key, &bytes, &count)
        return bytes
    }
}
