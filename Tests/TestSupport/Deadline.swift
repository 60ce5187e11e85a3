import Foundation

/// The factor by which deadlines are extended under a sanitizer, where code runs several times slower.
///
/// `scripts/sanitize` sets it in `WINDSOCK_TEST_PATIENCE`. It is 1 everywhere else.
private let patience = ProcessInfo.processInfo.environment["WINDSOCK_TEST_PATIENCE"].flatMap { Int($0) } ?? 1

/// A point in time by which something must have happened.
package struct Deadline: Sendable {
    private let instant: ContinuousClock.Instant

    package init(in duration: Duration) {
        instant = .now + duration * patience
    }

    package var remaining: Duration { max(.zero, instant - .now) }
    package var hasPassed: Bool { instant <= .now }
}

/// Thrown when something did not happen in time.
package struct DeadlineExceeded: Error, CustomStringConvertible {
    package let what: String
    package let duration: Duration

    package var description: String { "\(what): not within \(duration)" }
}

/// Polls every few milliseconds until `condition` holds.
///
/// Use it only for conditions without an event to await.
///
/// - Parameter what: The condition in words, for the error.
/// - Throws: ``DeadlineExceeded``, or what `condition` throws.
package func eventually(
    _ what: String, within duration: Duration = .seconds(60), isolation: isolated (any Actor)? = #isolation,
    _ condition: () async throws -> Bool
) async throws {
    let deadline = Deadline(in: duration)
    while try await !condition() {
        guard !deadline.hasPassed else { throw DeadlineExceeded(what: what, duration: duration) }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Runs `operation` and cancels it when it takes longer than `duration`.
///
/// - Throws: ``DeadlineExceeded``, or what `operation` throws. An operation that ignores cancellation is still awaited.
package func withDeadline<Success: Sendable>(
    _ what: String, _ duration: Duration = .seconds(10), _ operation: @escaping @Sendable () async throws -> Success
) async throws -> Success {
    try await withThrowingTaskGroup(of: Success?.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await Task.sleep(for: duration * patience)
            return nil
        }
        defer { group.cancelAll() }
        guard let result = try await group.next(), let result else {
            throw DeadlineExceeded(what: what, duration: duration)
        }
        return result
    }
}
