import HTTPTypes
import Hummingbird

/// How readings are written, as `Accept` asks for it (RFC 9110, section 12.5.1).
enum ReadingFormat: Sendable {
    case json, csv, ndjson

    private static let names: [(String, ReadingFormat)] = [
        ("application/json", .json), ("text/csv", .csv), ("application/x-ndjson", .ndjson), ("application/*", .json),
        ("*/*", .json), ("text/*", .csv),
    ]

    /// The first of ours that a client names; JSON for one that names nothing.
    ///
    /// - Throws: ``Problem`` (406) when it takes none of them.
    init(accept: String?) throws {
        let accept = accept ?? ""
        let wanted = accept.split(separator: ",").map { range in
            range.prefix { $0 != ";" }.filter { !$0.isWhitespace }.lowercased()
        }
        if wanted.isEmpty {
            self = .json
            return
        }
        for name in wanted {
            if let match = Self.names.first(where: { $0.0 == name }) {
                self = match.1
                return
            }
        }
        throw Problem(.notAcceptable, "Readings come as application/json, text/csv or application/x-ndjson.")
    }

    var contentType: String {
        switch self {
        case .json: "application/json"
        case .csv: "text/csv; charset=utf-8; header=present"
        case .ndjson: "application/x-ndjson"
        }
    }
}
