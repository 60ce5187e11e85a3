import Testing

@testable import WebServer

/// A byte sequence that must end the connection, with the RFC section and the expected close code.
struct Breach: Sendable {
    var section: String
    var name: String
    var bytes: [UInt8]
    /// The expected close code, or nil when the close frame must have none.
    var code: UInt16?

    init(_ section: String, _ name: String, _ bytes: [UInt8]..., code: UInt16? = 1002) {
        self.section = section
        self.name = name
        self.bytes = Array(bytes.joined())
        self.code = code
    }
}

extension Endpoint {
    /// Expects that each breach, on a connection of its own, is answered with its close code and ends the connection.
    func expectClosed(
        _ breaches: [Breach], isBytewise: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await Endpoint.withServer { server in
            var clients: [(RawWebSocket, Breach)] = []
            for breach in breaches {
                let client = try await open(server)
                if isBytewise {
                    // The server may close the connection before the last byte.
                    try? await client.socket.sendBytewise(breach.bytes)
                } else {
                    try await client.send(breach.bytes)
                }
                clients.append((client, breach))
            }
            for (client, breach) in clients {
                let code = try await client.closed(sourceLocation: sourceLocation)
                #expect(code == breach.code, "\(breach.section) \(breach.name)", sourceLocation: sourceLocation)
            }
        }
    }
}
