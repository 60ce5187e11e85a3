package import Logging
package import Storage

/// A reader of the dead letters: messages that could not be ingested. They show why a device does not appear.
package final class DeadLetterService: Sendable {
    /// A page of dead letters, the most recently received first.
    package struct Page: Sendable {
        package var letters: [DeadLetter]
        package var hasMore: Bool
        /// The number of dead letters ever deleted because there were too many.
        package var forgottenCount: Int
    }

    private let database: Database
    private let logger: Logger

    package init(database: Database, logger: Logger) {
        self.database = database
        self.logger = logger
    }

    /// Returns at most `limit` dead letters, the most recently received first: those after the letter `id`, or from the
    /// beginning if it is `nil`. With a `reason`, only letters with that reason are returned.
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
