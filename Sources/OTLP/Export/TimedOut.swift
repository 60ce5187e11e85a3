/// An operation took longer than it may.
struct TimedOut: Error {}

/// Runs `operation`, and cancels it after `duration`.
///
/// - Throws: ``TimedOut``, or what `operation` throws.
func withTimeout<Success: Sendable>(
    _ duration: Duration, _ operation: @escaping @Sendable () async throws -> Success
) async throws -> Success {
    try await withThrowingTaskGroup(of: Success.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await Task.sleep(for: duration)
            throw TimedOut()
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() else { throw TimedOut() }
        return result
    }
}
