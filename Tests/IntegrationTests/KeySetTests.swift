import ChildProcesses
import Foundation
import TestSupport
import Testing

/// The real program accepts tokens signed by a key set's keys and rejects forged ones.
@Suite("Key sets end to end")
struct KeySetTests {
    /// Creates a set of two keys and tokens, valid and forged, with Node's crypto, so that our code does not verify
    /// itself.
    private static let script = """
        const crypto = require("node:crypto");
        const b64 = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
        const rsa = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
        const ed = crypto.generateKeyPairSync("ed25519");
        const other = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
        const jwk = (pair, kid, alg) => ({ ...pair.publicKey.export({ format: "jwk" }), kid, alg, use: "sig" });
        const claims = (more) => ({ sub: "ada", exp: Math.floor(Date.now() / 1000) + 600, iss: "https://id.example",
          aud: "windsock", join: ["sensors/#"], ...more });
        const signed = (header, payload, sign) => {
          const text = `${b64({ typ: "JWT", ...header })}.${b64(payload)}`;
          return `${text}.${sign(text).toString("base64url")}`;
        };
        const by = { RS256: (pair) => (text) => crypto.sign("sha256", Buffer.from(text), pair.privateKey),
          EdDSA: (pair) => (text) => crypto.sign(null, Buffer.from(text), pair.privateKey),
          HS256: (secret) => (text) => crypto.createHmac("sha256", secret).update(text).digest() };
        const token = (alg, key, kid, payload = claims(), more = {}) =>
          signed({ alg, ...(kid ? { kid } : {}), ...more }, payload, by[alg](key));
        const good = token("RS256", rsa, "rsa-1");
        const pem = rsa.publicKey.export({ type: "spki", format: "pem" });
        const parts = good.split(".");
        const keys = (...all) => JSON.stringify({ keys: all });
        console.log(JSON.stringify({
          keys: keys(jwk(rsa, "rsa-1", "RS256"), jwk(ed, "ed-1", "EdDSA")),
          next: keys(jwk(other, "rsa-2", "RS256")),
          rotated: token("RS256", other, "rsa-2"),
          taken: { rs256: good, eddsa: token("EdDSA", ed, "ed-1"), "no kid": token("EdDSA", ed) },
          refused: {
            "no algorithm": `${b64({ alg: "none" })}.${b64(claims())}.`,
            "public key as secret": token("HS256", pem, "rsa-1"),
            "public key in JSON as secret": token("HS256", JSON.stringify(jwk(rsa, "rsa-1", "RS256")), "rsa-1"),
            "modulus as secret": token("HS256", Buffer.from(jwk(rsa).n, "base64url"), "rsa-1"),
            "key of the token's own": token("RS256", other, "rsa-1", claims(), { jwk: jwk(other, "rsa-1", "RS256") }),
            "address of keys": token("RS256", other, "rsa-1", claims(), { jku: "http://127.0.0.1:1/keys" }),
            "unknown kid": token("RS256", rsa, "rsa-9"),
            "kid as a path": token("RS256", other, "../../../../dev/null"),
            "kid of a key with another algorithm": token("RS256", rsa, "ed-1"),
            "another key under a known kid": token("RS256", other, "rsa-1"),
            "changed claims": `${parts[0]}.${b64(claims({ join: ["#"] }))}.${parts[2]}`,
            "another issuer": token("RS256", rsa, "rsa-1", claims({ iss: "https://evil.example" })),
            "another audience": token("RS256", rsa, "rsa-1", claims({ aud: "elsewhere" })),
            "expired": token("RS256", rsa, "rsa-1", claims({ exp: 1 })),
          } }));
        """

    @Test("Tokens of listed keys are accepted, forged ones rejected, and removed keys revoke their tokens")
    func tokens() async throws {
        let node = try ChildProcess("node", ["-e", Self.script])
        try #require(try await node.waitForExit() == .exited(0), "\(node.tail)")
        let made = try JSON(parsing: node.tail)
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let keys = try folder.write(try #require(made["keys"]?.string), to: "keys.json")
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: folder.url,
            arguments: [
                "--set", "jwt.jwks=\(keys)", "--set", "jwt.issuer=https://id.example", "--set",
                "jwt.audiences=windsock",
            ])
        func status(_ token: String) async throws -> Int {
            try await HTTPClientLite.get("\(gateway.url)/api/rooms", headers: [("Authorization", "Bearer \(token)")])
                .status
        }
        for (name, token) in try #require(made["taken"]?.object) {
            #expect(try await status(try #require(token.string)) == 200, "\(name)")
        }
        for (name, token) in try #require(made["refused"]?.object) {
            #expect(try await status(try #require(token.string)) == 401, "\(name)")
        }

        try folder.write(try #require(made["next"]?.string), to: "keys.json")
        #expect(try await status(try #require(made["rotated"]?.string)) == 200)
        #expect(try await status(try #require(made["taken"]?["rs256"]?.string)) == 401)
        let log = gateway.process.lines.map(\.text).joined()
        #expect(!log.contains(try #require(made["rotated"]?.string)))
        #expect(try await gateway.process.terminate() == .exited(0))
    }
}
