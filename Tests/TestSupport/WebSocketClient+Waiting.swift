package import WebSocketClient

extension WebSocketClient {
    /// Returns the next text message, parsed as JSON.
    ///
    /// - Throws: ``DeadlineExceeded``; `closed` when the connection ends first.
    package func nextJSON(within duration: Duration = .seconds(10)) async throws -> JSON {
        try await nextJSON("a message", within: duration) { _ in true }
    }

    /// Waits for the end of the connection and returns the server's closure.
    ///
    /// - Throws: ``DeadlineExceeded``, after which the socket is closed.
    package func closure(within duration: Duration = .seconds(10)) async throws -> WebSocketClosure {
        try await withDeadline("the connection ended", duration) { await self.closed() }
    }

    /// Returns the next message that satisfies `isMatch`, parsed as JSON, and drops earlier ones.
    ///
    /// - Parameter what: The awaited message in words, for the error.
    package func nextJSON(
        _ what: String, within duration: Duration = .seconds(10),
        where isMatch: @escaping @Sendable (JSON) -> Bool
    ) async throws -> JSON {
        try await withDeadline("\(what) arrived", duration) {
            for try await message in self.messages {
                guard let text = message.text else { continue }
                let value = try JSON(parsing: text)
                if isMatch(value) { return value }
            }
            throw WebSocketClientError.closed
        }
    }
}
