import Core
package import Logging
package import Storage
package import Telemetry

/// A reader of the dead letters: messages that could not be ingested. They show why a device does not appear.
package final class DeadLetterService: Sendable {
    /// A page of dead letters, the most recently received first.
    package struct Page: Sendable {
        package var letters: [DeadLetter]
        package var hasMore: Bool
        /// The number of dead letters ever deleted because there were too many.
        package var forgottenCount: Int
    }

    /// The dead letters of one device.
    package struct DeviceLetters: Sendable {
        /// The number of rejected messages.
        package var count = 0
        /// The most recently received letters.
        package var recent: [DeadLetter] = []
    }

    /// The most dead letters whose topics are compared for one device.
    private static let maxCompared = 10_000

    private struct Routes {
        var readings: [TopicRoute]
        var statuses: [StatusRoute]

        func device(ofTopic topic: String) -> String? {
            statuses.device(ofTopic: topic) ?? readings.device(ofTopic: topic)
        }
    }

    private let routes: Lock<Routes>
    private let database: Database
    private let logger: Logger

    /// Creates a reader that recognizes the devices of topics by these routes.
    package init(routes: [TopicRoute], statusRoutes: [StatusRoute], database: Database, logger: Logger) {
        self.routes = Lock(Routes(readings: routes, statuses: statusRoutes))
        self.database = database
        self.logger = logger
    }

    /// Recognizes devices by other routes from now on.
    package func replaceRoutes(_ routes: [TopicRoute], statusRoutes: [StatusRoute]) {
        self.routes.withLock { $0 = Routes(readings: routes, statuses: statusRoutes) }
    }

    /// Returns the device that a topic names; `nil` when it names none.
    package func device(ofTopic topic: String) -> String? {
        routes.withLock { $0 }.device(ofTopic: topic)
    }

    /// Returns the dead letters whose topics name a device.
    package func letters(of device: String, limit: Int) async throws(RequestError) -> DeviceLetters {
        let routes = routes.withLock { $0 }
        return try await read { snapshot in
            var found = DeviceLetters()
            var ids: [Int64] = []
            for entry in try snapshot.deadLetterTopics(limit: Self.maxCompared)
            where routes.device(ofTopic: entry.topic) == device {
                found.count += entry.count
                if ids.count < limit { ids.append(entry.id) }
            }
            found.recent = try ids.compactMap(snapshot.deadLetter)
            return found
        }
    }

    /// Returns at most `limit` dead letters, the most recently received first: those after the letter `id`, or from the
    /// beginning if it is `nil`. With a `reason`, only letters with that reason are returned.
    package func page(before id: Int64?, reason: String?, limit: Int) async throws(RequestError) -> Page {
        try await read { snapshot in
            let found = try snapshot.deadLetters(before: id, reason: reason, limit: limit + 1)
            return Page(
                letters: Array(found.prefix(limit)), hasMore: found.count > limit,
                forgottenCount: try snapshot.forgottenDeadLetters())
        }
    }

    private func read<Result: Sendable>(
        _ work: @escaping @Sendable (StorageSnapshot) throws -> Result
    ) async throws(RequestError) -> Result {
        do {
            return try await database.read(work)
        } catch {
            logger.error("Dead letters cannot be read", metadata: ["error": "\(error)"])
            throw RequestError(.storage, "Dead letters are unavailable; retry later.")
        }
    }
}
