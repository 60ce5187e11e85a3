import TestSupport

/// A gateway with two dashboards, and calls of the API of shares.
struct ShareFixture {
    static let dashboards = [
        "open": dashboard(rooms: #"["sensors/open", "chat/open"]"#), "all": dashboard(rooms: #"["sensors/+"]"#),
    ]

    static func dashboard(rooms: String) -> String {
        "title: T\nrooms: \(rooms)\npanels: [{type: chart, title: P, devices: [\"*\"], metrics: [t]}]\n"
    }

    let server: LiveServer
    /// A token that may share every dashboard.
    let operators: String

    init(data: String? = nil, dashboards: [String: String] = ShareFixture.dashboards) async throws {
        server = try await LiveServer(data: data, dashboards: dashboards)
        operators = try await server.token("operator", join: ["#"], notify: true, share: true)
    }

    /// Shares a dashboard and returns the answer.
    func share(_ dashboard: String = "open", token: String? = nil) async throws -> JSON {
        let answer = try await server.post("/api/shares", token: token ?? operators, #"{"dashboard":"\#(dashboard)"}"#)
        guard answer.status == 201 else { throw RawSocket.Failure(answer.text) }
        return try answer.json
    }

    func revoke(_ id: String?, token: String? = nil) async throws -> HTTPClientLite.Response {
        try await HTTPClientLite.request(
            "DELETE", "\(server.url)/api/shares/\(id ?? "")",
            headers: [("Authorization", "Bearer \(token ?? operators)")])
    }

    func listed(token: String? = nil, query: String = "") async throws -> [String] {
        let shares = try await server.get("/api/shares\(query)", token: token ?? operators).json["shares"]?.array
        return (shares ?? []).compactMap { $0["share_id"]?.string }
    }
}
