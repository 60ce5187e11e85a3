import Testing

@testable import WebServer

/// Bytes that end a connection, with the RFC's section and the code that they end it with.
struct Breach: Sendable {
    var section: String
    var name: String
    /// All that is sent.
    var bytes: [UInt8]
    /// What the server's close frame must say; nil when it has no code.
    var code: UInt16?

    init(_ section: String, _ name: String, _ bytes: [UInt8]..., code: UInt16? = 1002) {
        self.section = section
        self.name = name
        self.bytes = Array(bytes.joined())
        self.code = code
    }
}

extension Endpoint {
    /// Expects that each breach, by a client of its own, is answered by its code, and that the connection then ends.
    func expectClosed(
        _ breaches: [Breach], isBytewise: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await Endpoint.withServer { server in
            var clients: [(RawWebSocket, Breach)] = []
            for breach in breaches {
                let client = try await open(server)
                if isBytewise {
                    // The server may have ended the connection by an earlier byte than the last.
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
