import Synchronization
import Testing

@testable import Services

/// Whoever works long lets those go first who wait.
@Suite("Turns")
struct TurnsTests {
    private final class Log: Sendable {
        let notes = Mutex<[String]>([])
        func note(_ text: String) { notes.withLock { $0.append(text) } }
    }

    @Test("One that passes its turn on has it again after those in line, also when the line is full")
    func passOn() async throws {
        let turns = Turns(free: 1, maxWaiting: 1)
        let log = Log()
        try await turns.take()
        await turns.passOn()
        log.note("nobody waits")
        let other = Task {
            try await turns.take()
            log.note("other")
            turns.giveBack()
        }
        while turns.waitingCount == 0 { await Task.yield() }
        await turns.passOn()
        log.note("again")
        turns.giveBack()
        try await other.value
        #expect(log.notes.withLock { $0 } == ["nobody waits", "other", "again"])
    }
}
