import Core
import Foundation
import Hummingbird
import Services
import Storage
import Telemetry

/// The route `GET /api/dead-letters`. It lists messages that could not be decoded, for operators. Their topics are not
/// rooms, so a token must be allowed to join `#`.
struct DeadLetterRoutes {
    private static let maxLetters: Int64 = 500

    let letters: DeadLetterService

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.get("dead-letters", use: letters)
    }

    @Sendable private func letters(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        guard try context.requireIdentity().grants.canJoinEverything else {
            throw Problem(.forbidden, "Reading dead letters requires a token that may join \"#\".")
        }
        let limit = Int(try request.query("limit", in: 1...Self.maxLetters, default: 100))
        let before = try request.query("before", in: 0...Int64.max, default: 0)
        let page = try await letters.page(
            before: before > 0 ? before : nil, reason: request.query("reason"), limit: limit)
        var body = JSONObjectBuilder()
        var elements = JSONPage()
        let count = elements.add(
            contentsOf: page.letters.lazy.map { [letters] in $0.json(device: letters.device(ofTopic: $0.topic)) })
        body.add("dead_letters", objects: elements.elements)
        body.add("has_more", page.hasMore || count < page.letters.count)
        body.add("forgotten", page.forgottenCount)
        return .json(body.finished())
    }

}

extension DeadLetter {
    /// Returns the dead letter as one element of `GET /api/dead-letters`.
    ///
    /// - Parameter device: The device that the topic names.
    func json(device: String?) -> [UInt8] {
        var object = JSONObjectBuilder()
        object.add("id", Int(id))
        object.add("topic", topic)
        if let device { object.add("device", device) }
        object.add("reason", reason)
        object.add("detail", detail)
        object.add(payload: payload, of: payloadByteCount)
        object.add("count", count)
        object.add("first_at", time: firstAt)
        object.add("last_at", time: lastAt)
        if let traceID { object.add("trace_id", traceID) }
        return object.finished()
    }
}

extension JSONObjectBuilder {
    /// Adds the beginning of a payload of `byteCount` bytes: as text without a character that was cut in half at its
    /// end, or else in Base64.
    mutating func add(payload: [UInt8], of byteCount: Int) {
        if let text = String(validating: Self.wholeCharacters(of: payload, of: byteCount), as: UTF8.self) {
            add("payload", text)
        } else {
            add("payload_base64", Data(payload).base64EncodedString())
        }
        add("payload_bytes", byteCount)
    }

    private static func wholeCharacters(of payload: [UInt8], of byteCount: Int) -> ArraySlice<UInt8> {
        guard payload.count < byteCount else { return payload[...] }
        let tail = payload.suffix(3)
        guard let start = tail.lastIndex(where: { $0 >= 0xC0 }) else { return payload[...] }
        let length = payload[start] >= 0xF0 ? 4 : payload[start] >= 0xE0 ? 3 : 2
        return payload.count - start < length ? payload[..<start] : payload[...]
    }
}
