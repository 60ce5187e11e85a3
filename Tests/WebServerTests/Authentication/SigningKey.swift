import Crypto
import CryptoExtras
import Foundation

@testable import WebServer

/// A key pair generated for a test. It signs any header and payload, valid or not, and exports its public half as a
/// JWK.
struct SigningKey: Sendable {
    let id: String?
    let algorithm: TokenAlgorithm
    /// The members of the public JWK without `kid`, such as `"kty":"EC",…`.
    let members: String
    private let sign: @Sendable (_ message: [UInt8]) throws -> Data

    /// RSA keys are slow to generate, so all tests share one.
    private static let rsa = Result { try _RSA.Signing.PrivateKey(keySize: .bits2048) }

    static func make(_ algorithm: TokenAlgorithm, id: String? = nil) throws -> SigningKey {
        let members: String
        let sign: @Sendable ([UInt8]) throws -> Data
        switch algorithm {
        case .hs256:
            let key = SymmetricKey(data: Array(TokenFixture.secret.utf8))
            sign = { Data(HMAC<SHA256>.authenticationCode(for: $0, using: key)) }
            members = #""kty":"oct","k":"\#(Base64URL.encode(Array(TokenFixture.secret.utf8)))""#
        case .rs256:
            let key = try rsa.get()
            sign = { try key.signature(for: SHA256.hash(data: $0), padding: .insecurePKCS1v1_5).rawRepresentation }
            let numbers = try key.publicKey.getKeyPrimitives()
            members = #""kty":"RSA","n":"\#(text(numbers.modulus))","e":"\#(text(numbers.publicExponent))""#
        case .es256:
            let key = P256.Signing.PrivateKey()
            sign = { try key.signature(for: $0).rawRepresentation }
            members = #""kty":"EC","crv":"P-256",\#(point(key.publicKey.rawRepresentation))"#
        case .es384:
            let key = P384.Signing.PrivateKey()
            sign = { try key.signature(for: $0).rawRepresentation }
            members = #""kty":"EC","crv":"P-384",\#(point(key.publicKey.rawRepresentation))"#
        case .eddsa:
            let key = Curve25519.Signing.PrivateKey()
            sign = { try key.signature(for: $0) }
            members = #""kty":"OKP","crv":"Ed25519","x":"\#(text(key.publicKey.rawRepresentation))""#
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
        return "\(signed).\(Base64URL.encode([UInt8](try sign(Array(signed.utf8)))))"
    }

    private static func text(_ data: Data) -> String { Base64URL.encode([UInt8](data)) }

    /// Splits the concatenated coordinates of a point.
    private static func point(_ coordinates: Data) -> String {
        let half = coordinates.count / 2
        return #""x":"\#(text(coordinates.prefix(half)))","y":"\#(text(coordinates.suffix(half)))""#
    }
}
