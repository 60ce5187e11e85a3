import Telemetry

/// 256 random bits in base64url, from the system's generator: 43 characters.
struct TicketIDGenerator: IDGenerator {
    private static let byteCount = 32

    init() {}

    func next() -> String {
        var random = SystemRandomNumberGenerator()
        return Base64URL.encode((0..<Self.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) })
    }
}
