/// An attempt took longer than it may.
struct AttemptTimedOut: Error {}

/// Runs `operation`, and cancels it at `deadline`.
///
/// - Throws: ``AttemptTimedOut``, or what `operation` throws.
func withAttemptDeadline<Success: Sendable>(
    _ deadline: ContinuousClock.Instant, _ operation: @escaping @Sendable () async throws -> Success
) async throws -> Success {
    try await withThrowingTaskGroup(of: Success.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await Task.sleep(until: deadline, clock: .continuous)
            throw AttemptTimedOut()
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() else { throw AttemptTimedOut() }
        return result
    }
}
