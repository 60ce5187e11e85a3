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
        let count = elements.add(contentsOf: page.letters.lazy.map(Self.json))
        body.add("dead_letters", objects: elements.elements)
        body.add("has_more", page.hasMore || count < page.letters.count)
        body.add("forgotten", page.forgottenCount)
        return .json(body.finished())
    }

    private static func json(_ letter: DeadLetter) -> [UInt8] {
        var object = JSONObjectBuilder()
        object.add("id", Int(letter.id))
        object.add("topic", letter.topic)
        object.add("reason", letter.reason)
        object.add("detail", letter.detail)
        if let text = String(validating: wholeCharacters(of: letter), as: UTF8.self) {
            object.add("payload", text)
        } else {
            object.add("payload_base64", Data(letter.payload).base64EncodedString())
        }
        object.add("payload_bytes", letter.payloadByteCount)
        object.add("count", letter.count)
        object.add("first_at", time: letter.firstAt)
        object.add("last_at", time: letter.lastAt)
        if let trace = letter.traceID { object.add("trace_id", trace) }
        return object.finished()
    }

    /// Returns the payload without a character that was cut in half at its end.
    private static func wholeCharacters(of letter: DeadLetter) -> ArraySlice<UInt8> {
        guard letter.payload.count < letter.payloadByteCount else { return letter.payload[...] }
        let tail = letter.payload.suffix(3)
        guard let start = tail.lastIndex(where: { $0 >= 0xC0 }) else { return letter.payload[...] }
        let length = letter.payload[start] >= 0xF0 ? 4 : letter.payload[start] >= 0xE0 ? 3 : 2
        return letter.payload.count - start < length ? letter.payload[..<start] : letter.payload[...]
    }
}
