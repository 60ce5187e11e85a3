package import Core
import OpenSSL

/// A signer of webhook requests. The signature lets the receiver verify that a request was sent by this gateway,
/// recently and unmodified.
///
///     Windsock-Signature: t=1790000000,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd
///
/// `t` is the time of this attempt in Unix seconds. `v1` is the HMAC-SHA256 (RFC 2104), with the secret's UTF-8 bytes
/// as key, of `t` as written, a dot, and the raw request body, in 64 lower-case hexadecimal digits.
///
/// A receiver
/// 1. splits the header at commas and takes `t` and every `v1`, ignoring other names, which may be added later,
/// 2. computes the HMAC of `"<t>." + body`, using the body's bytes before any JSON parsing,
/// 3. compares in constant time, and rejects the request when no `v1` matches,
/// 4. rejects a `t` more than five minutes away from its own clock, so that recorded requests cannot be replayed,
/// 5. answers 2xx at once to a `Windsock-Event-Id` it has seen before, because events may be delivered more than once.
///
/// In Python: `hmac.new(secret, t.encode() + b"." + body, hashlib.sha256).hexdigest()`.
package struct WebhookSigner: Sendable {
    package static let headerName = "Windsock-Signature"

    private let key: AuthenticationKey

    package init(secret: WebhookSecret) {
        key = AuthenticationKey(secret.bytes)
    }

    /// Returns the header's value for a request that is sent at `time`.
    package func signature(of body: [UInt8], at time: Timestamp) -> String {
        let seconds = "\(time.nanosecondsSinceEpoch / 1_000_000_000)"
        let code = key.code(of: Array("\(seconds).".utf8) + body)
        let digits = code.flatMap { [Self.digits[Int($0 >> 4)], Self.digits[Int($0 & 15)]] }
        return "t=\(seconds),v1=\(String(decoding: digits, as: UTF8.self))"
    }

    private static let digits = Array("0123456789abcdef".utf8)
}

/// A signing secret shared with the receiver. Its description never reveals it.
package struct WebhookSecret: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
    /// The minimum length. A shorter secret could be found from one signature by brute force.
    package static let minimumByteCount = 16

    let bytes: [UInt8]

    /// Creates a secret from the text's UTF-8 bytes, unchanged.
    package init(_ text: String) throws(WebhookError) {
        bytes = Array(text.utf8)
        guard bytes.count >= Self.minimumByteCount else { throw .secretTooShort(byteCount: bytes.count) }
    }

    package var description: String { "(not shown)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
