import Core
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Services
import Telemetry

extension Request {
    /// Reads the body as a JSON object with no members but `names`.
    ///
    /// - Throws: ``Problem`` (400, 413, 415) that says what is allowed.
    func jsonObject(upTo maxBytes: Int, allowing names: [String]) async throws -> JSONValue {
        let object = try await jsonObject(upTo: maxBytes)
        for member in object.objectValue ?? [] where !names.contains(member.name) {
            let hint = EditDistance.hint(for: member.name, among: names).map { "; \($0)" } ?? ";"
            throw Problem(
                .badRequest,
                "Unknown member \"\(member.name.prefix(64))\"\(hint) allowed: \(names.joined(separator: ", ")).")
        }
        return object
    }

    /// Reads the body as a JSON object.
    ///
    /// - Throws: ``Problem`` (400, 413, 415) that says what is allowed.
    func jsonObject(upTo maxBytes: Int) async throws -> JSONValue {
        if let type = headers[.contentType], !type.lowercased().hasPrefix("application/json") {
            throw Problem(.unsupportedMediaType, "The body must have the content type application/json.")
        }
        var bytes: [UInt8] = []
        do {
            for try await part in body {
                guard bytes.count + part.readableBytes <= maxBytes else {
                    throw Problem(.contentTooLarge, "The body is too large; allowed: at most \(maxBytes) bytes.")
                }
                bytes += part.readableBytesView
            }
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem(.badRequest, "The body is incomplete or incorrectly framed.")
        }
        let value: JSONValue
        do {
            value = try JSONParser.parse(bytes)
        } catch {
            throw Problem(.badRequest, "The body is not valid JSON: \(error)")
        }
        guard value.objectValue != nil else { throw Problem(.badRequest, "The body must be a JSON object.") }
        return value
    }

    /// Returns the decoded value of the first query parameter of that name.
    func query(_ name: String) -> String? {
        parameters[Substring(name)].map(String.init)
    }

    /// Returns the decoded values of all query parameters of that name.
    func queries(_ name: String) -> [String] {
        parameters[values: Substring(name)].map { String($0) }
    }

    /// The query parameters, decoded as form encoding, in which `+` is a space (WHATWG URL, section 5.1).
    /// `URLSearchParams` and `curl -G` encode queries so.
    private var parameters: FlatDictionary<Substring, Substring> {
        guard let query = uri.query, query.contains("+") else { return uri.queryParameters }
        return URI("/?\(query.replacing("+", with: "%20"))").queryParameters
    }

    /// Returns a whole number from the query, or `standard` when it is missing.
    ///
    /// - Throws: ``Problem`` (400) with the parameter's name and range.
    func query(_ name: String, in range: ClosedRange<Int64>, default standard: Int64) throws -> Int64 {
        guard let text = query(name) else { return standard }
        guard let value = Int64(text), range.contains(value) else {
            throw Problem(
                .badRequest,
                "\"\(name)\" is \"\(text.prefix(64))\"; "
                    + "allowed: whole numbers from \(range.lowerBound) to \(range.upperBound).")
        }
        return value
    }

    /// Returns a time from the query: RFC 3339, or Unix seconds with an optional fraction. `nil` if the parameter is
    /// missing.
    ///
    /// - Throws: ``Problem`` (400) with the parameter's name and the allowed forms.
    private func instant(_ name: String) throws -> Timestamp? {
        guard let text = query(name) else { return nil }
        // An unescaped + of a time zone arrives as a space.
        let instant =
            Double(text).flatMap { $0.isFinite ? Timestamp(secondsSinceEpoch: $0) : nil }
            ?? Timestamp(iso8601: text.replacing(" ", with: "+"))
        guard let instant else {
            throw Problem(
                .badRequest,
                "\"\(name)\" is \"\(text.prefix(64))\"; expected RFC 3339 such as 2026-11-23T15:00:00Z, "
                    + "or Unix seconds such as 1795446000.")
        }
        return instant
    }

    /// Returns the range of time from `from` to `to`.
    ///
    /// - Parameters:
    ///   - end: The end of the range if `to` is missing.
    ///   - start: Returns the start for an end, if `from` is missing.
    /// - Throws: ``Problem`` (400) when a time is not valid, or when the range is empty.
    func timeRange(
        to end: @autoclosure () -> Timestamp, from start: (_ end: Timestamp) -> Timestamp
    ) throws -> Range<Timestamp> {
        let end = try instant("to") ?? end()
        let start = try instant("from") ?? start(end)
        guard start < end else { throw Problem(.badRequest, "\"from\" must be before \"to\".") }
        return start..<end
    }

    /// Returns the room in the `room_id` parameter.
    ///
    /// - Throws: ``Problem`` or ``CommandError`` (both 400) when it is missing or does not name one room.
    func room() throws -> TopicFilter {
        guard let name = query("room_id"), !name.isEmpty else {
            throw Problem(.badRequest, "\"room_id\" is required, as in ?room_id=chat/lobby.")
        }
        return try ClientNames.room(.string(name))
    }
}
