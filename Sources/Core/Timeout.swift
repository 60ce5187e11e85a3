/// The error for an operation that exceeded its time limit.
package struct TimedOut: Error {
    package init() {}
}

/// Runs `operation` and cancels it at `deadline`.
///
/// - Throws: ``TimedOut``, or the error of `operation`.
package func withTimeout<Success: Sendable>(
    at deadline: ContinuousClock.Instant, _ operation: @escaping @Sendable () async throws -> Success
) async throws -> Success {
    try await withThrowingTaskGroup(of: Success.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await Task.sleep(until: deadline, clock: .continuous)
            throw TimedOut()
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() else { throw TimedOut() }
        return result
    }
}
