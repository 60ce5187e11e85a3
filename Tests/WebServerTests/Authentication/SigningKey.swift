import CryptoExtras
import Foundation
import JWTKit

@testable import WebServer

/// A key pair made for a test: signs any header and payload, right or wrong, and shows its public half as a JWK.
struct SigningKey: Sendable {
    let id: String?
    let algorithm: TokenAlgorithm
    /// The members of the public JWK without `kid`, such as `"kty":"EC",…`.
    let members: String
    private let signer: any JWTAlgorithm

    /// RSA keys take long to make: all tests share one.
    private static let rsa = Result { try _RSA.Signing.PrivateKey(keySize: .bits2048) }

    static func make(_ algorithm: TokenAlgorithm, id: String? = nil) async throws -> SigningKey {
        let keys = JWTKeyCollection()
        let members: String
        switch algorithm {
        case .hs256:
            await keys.add(hmac: HMACKey(from: TokenFixture.secret), digestAlgorithm: .sha256)
            members = #""kty":"oct","k":"\#(Base64URL.encode(Array(TokenFixture.secret.utf8)))""#
        case .rs256:
            let key = try Insecure.RSA.PrivateKey(backing: rsa.get())
            await keys.add(rsa: key, digestAlgorithm: .sha256)
            let numbers = try key.publicKey.getKeyPrimitives()
            members = #""kty":"RSA","n":"\#(text(numbers.modulus))","e":"\#(text(numbers.publicExponent))""#
        case .es256:
            let key = ES256PrivateKey()
            await keys.add(ecdsa: key)
            members = #""kty":"EC","crv":"P-256",\#(try point(key.publicKey.parameters))"#
        case .es384:
            let key = ES384PrivateKey()
            await keys.add(ecdsa: key)
            members = #""kty":"EC","crv":"P-384",\#(try point(key.publicKey.parameters))"#
        case .eddsa:
            let key = try EdDSA.PrivateKey()
            await keys.add(eddsa: key)
            members = #""kty":"OKP","crv":"Ed25519","x":"\#(text(key.publicKey.rawRepresentation))""#
        }
        return SigningKey(id: id, algorithm: algorithm, members: members, signer: try await keys.getKey())
    }

    /// The public key, with further members such as `"use":"enc"`.
    func jwk(_ further: String = "") -> String {
        let kid = id.map { #","kid":"\#($0)""# } ?? ""
        return "{\(members)\(kid)\(further.isEmpty ? "" : ",\(further)")}"
    }

    /// A token of that payload, signed with this key, under this key's header or another one.
    func token(_ payload: String = TokenFixture.claims(), header: String? = nil) throws -> String {
        let kid = id.map { #","kid":"\#($0)""# } ?? ""
        let header = header ?? #"{"alg":"\#(algorithm.rawValue)"\#(kid)}"#
        let signed = "\(Base64URL.encode(Array(header.utf8))).\(Base64URL.encode(Array(payload.utf8)))"
        return "\(signed).\(Base64URL.encode(try signer.sign(Array(signed.utf8))))"
    }

    private static func text(_ data: Data) -> String { Base64URL.encode([UInt8](data)) }

    private static func point(_ parameters: ECDSAParameters?) throws -> String {
        struct NoPoint: Error {}
        guard let parameters, let x = Data(base64Encoded: parameters.x), let y = Data(base64Encoded: parameters.y)
        else { throw NoPoint() }
        return #""x":"\#(text(x))","y":"\#(text(y))""#
    }
}
