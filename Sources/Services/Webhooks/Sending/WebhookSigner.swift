import Crypto
package import Telemetry

/// Signs a request, so that its receiver knows that it comes from this gateway, unchanged and recently.
///
///     Windsock-Signature: t=1790000000,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd
///
/// `t` is the time of this attempt in Unix seconds. `v1` is the HMAC-SHA256 (RFC 2104) under the secret's UTF-8 bytes of
/// `t` as it is written, a dot, and the request's body as it came, in 64 lower-case hexadecimal digits.
///
/// A receiver
/// 1. splits the header at commas and takes `t` and every `v1` (further names may be added; it ignores them),
/// 2. computes the HMAC over `"<t>." + body`, with the body's bytes before any JSON parser has seen them,
/// 3. compares it in constant time, and refuses the request when no `v1` is equal,
/// 4. refuses a `t` that is more than five minutes away from its own clock, so that a recorded request is worth nothing,
/// 5. answers 2xx at once to a `Windsock-Event-Id` that it has seen before: events may come more than once.
///
/// In Python: `hmac.new(secret, t.encode() + b"." + body, hashlib.sha256).hexdigest()`.
package struct WebhookSigner: Sendable {
    package static let headerName = "Windsock-Signature"

    private let key: SymmetricKey

    package init(secret: WebhookSecret) {
        key = SymmetricKey(data: secret.bytes)
    }

    /// The header's value for a request that is sent at `time`.
    package func signature(of body: [UInt8], at time: Timestamp) -> String {
        let seconds = "\(time.nanosecondsSinceEpoch / 1_000_000_000)"
        var code = HMAC<SHA256>(key: key)
        code.update(data: Array(seconds.utf8))
        code.update(data: [UInt8(ascii: ".")])
        code.update(data: body)
        let digits = code.finalize().flatMap { [Self.digits[Int($0 >> 4)], Self.digits[Int($0 & 15)]] }
        return "t=\(seconds),v1=\(String(decoding: digits, as: UTF8.self))"
    }

    private static let digits = Array("0123456789abcdef".utf8)
}
