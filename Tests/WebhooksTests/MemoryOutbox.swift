import Core
import TestSupport

@testable import Webhooks

/// An outbox that outlives its services, as the stored one outlives a process. It can be told to fail.
actor MemoryOutbox: WebhookOutbox {
    struct Broken: Error {}

    private(set) var entries: [WebhookEntry] = []
    private(set) var deliveredIDs: [String] = []
    private(set) var lost: [String: String] = [:]
    private(set) var retryReasons: [String] = []
    private(set) var reads = 0
    /// The number of upcoming calls that throw.
    private var breakdowns = 0

    func put(_ ids: String..., at time: Timestamp = .testStart, trace: TraceContext? = nil) {
        entries += ids.map { WebhookEntry(event: .test($0, trace: trace), storedAt: time) }
    }

    func breakDown(times: Int) { breakdowns = times }

    func next() throws -> WebhookEntry? {
        reads += 1
        try check()
        return entries.first
    }

    func delivered(_ id: String) throws {
        try check()
        deliveredIDs.append(id)
        entries.removeAll { $0.event.id == id }
    }

    func retry(_ id: String, at dueAt: Timestamp, reason: String) throws {
        try check()
        retryReasons.append(reason)
        entries = entries.map { entry in
            guard entry.event.id == id else { return entry }
            return WebhookEntry(
                event: entry.event, storedAt: entry.storedAt, failures: entry.failures + 1, dueAt: dueAt)
        }
    }

    func gaveUp(_ id: String, reason: String) throws {
        try check()
        lost[id] = reason
        entries.removeAll { $0.event.id == id }
    }

    private func check() throws {
        guard breakdowns > 0 else { return }
        breakdowns -= 1
        throw Broken()
    }
}

extension MemoryOutbox {
    func waitUntilEmpty() async throws {
        try await eventually("the outbox is empty", within: .seconds(60)) { entries.isEmpty }
    }
}
