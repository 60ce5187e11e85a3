package import Logging
package import Storage

/// Reads the dead letters: messages that could not be ingested. They show why a device does not appear.
package final class DeadLetterService: Sendable {
    /// A page of dead letters, newest first.
    package struct Page: Sendable {
        package var letters: [DeadLetter]
        package var hasMore: Bool
        /// The number of letters evicted because there were too many.
        package var forgottenCount: Int
    }

    private let database: Database
    private let logger: Logger

    package init(database: Database, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    /// Returns the letters before the one with this ID, optionally of one reason only.
    package func page(before id: Int64?, reason: String?, limit: Int) async throws(RequestError) -> Page {
        do {
            return try await database.read { snapshot in
                let found = try snapshot.deadLetters(before: id, reason: reason, limit: limit + 1)
                return Page(
                    letters: Array(found.prefix(limit)), hasMore: found.count > limit,
                    forgottenCount: try snapshot.forgottenDeadLetters())
            }
        } catch {
            logger.error("Dead letters cannot be read", metadata: ["error": "\(error)"])
            throw RequestError(.storage, "Dead letters are unavailable; retry later.")
        }
    }
}
