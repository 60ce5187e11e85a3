import Core
import TestSupport
import Testing

@testable import Services

/// Users take turns: no user waits behind another user's whole backlog.
@Suite("Fair semaphore")
struct AsyncSemaphoreTests {
    private final class Log: Sendable {
        let notes = Lock<[String]>([])
        func note(_ text: String) { notes.withLock { $0.append(text) } }
    }

    @Test("A holder that passes its turn on gets it again after those in the queue, also if the queue is full")
    func yields() async throws {
        let semaphore = AsyncSemaphore(permits: 1, maxWaiting: 1)
        let log = Log()
        try await semaphore.wait(for: "ann")
        await semaphore.yield(for: "ann")
        log.note("nobody waits")
        let other = Task {
            try await semaphore.wait(for: "ann")
            log.note("other")
            semaphore.signal()
        }
        while semaphore.waitingCount == 0 { await Task.yield() }
        await semaphore.yield(for: "ann")
        log.note("again")
        semaphore.signal()
        try await other.value
        #expect(log.notes.withLock { $0 } == ["nobody waits", "other", "again"])
    }

    @Test("A user who fills the queue does not block others, and takes alternating turns with them")
    func flood() async throws {
        let semaphore = AsyncSemaphore(permits: 1, maxWaiting: 4)
        let log = Log()
        func begin(_ work: String, for user: UserID, isContinued: Bool = false) -> Task<Void, Never> {
            Task {
                do throws(RequestError) {
                    try await semaphore.wait(for: user, isContinued: isContinued)
                    log.note(work)
                    semaphore.signal()
                } catch {
                    log.note("\(work): \(error.kind)")
                }
            }
        }
        try await semaphore.wait(for: "eve")
        var tasks: [Task<Void, Never>] = []
        for number in 1...5 {
            tasks.append(begin("eve \(number)", for: "eve", isContinued: number == 5))
            while semaphore.waitingCount < number { await Task.yield() }
        }
        await #expect(throws: RequestError.self, "nobody has more in line") { try await semaphore.wait(for: "eve") }
        // Users with fewer waiting requests take the places of eve's latest ones.
        for (count, user) in [(1, "ann"), (2, "bob")] {
            tasks.append(begin(user, for: UserID(unchecked: user)))
            while log.notes.withLock({ $0.count }) < count { await Task.yield() }
        }
        await #expect(throws: RequestError.self, "eve keeps as many as ann may have") {
            try await semaphore.wait(for: "ann")
        }
        semaphore.signal()
        for task in tasks { await task.value }
        #expect(
            log.notes.withLock { $0 } == [
                "eve 4: overloaded", "eve 3: overloaded", "eve 1", "ann", "bob", "eve 2", "eve 5",
            ])
        #expect(semaphore.waitingCount == 0)
    }

    @Test("For random operations, the queue equals a simple model in order and rejections", arguments: 1...4)
    func model(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var queue = FairQueue<Int>(capacity: 8)
        var waiting: [(element: Int, user: Int, isPromised: Bool)] = []
        var rotation: [Int] = []
        func refusable(of user: Int) -> [Int] { waiting.filter { $0.user == user && !$0.isPromised }.map(\.element) }
        for element in 0..<5000 {
            if Int.random(in: 0..<20, using: &random) < 9 {
                let next = rotation.first.flatMap { user in waiting.firstIndex { $0.user == user } }
                try #require(queue.popFirst() == next.map { waiting[$0].element })
                guard let next else { continue }
                let user = rotation.removeFirst()
                waiting.remove(at: next)
                if waiting.contains(where: { $0.user == user }) { rotation.append(user) }
            } else {
                let user = Int.random(in: 0..<5, using: &random)
                let isPromised = Int.random(in: 0..<4, using: &random) == 0
                let own = refusable(of: user).count
                let most = (0..<5).map { refusable(of: $0).count }.max() ?? 0
                let isFull = waiting.count { !$0.isPromised } == 8
                let refused = queue.append(element, of: UserID(unchecked: "\(user)"), isPromised: isPromised)
                try #require((refused != nil) == (isFull && !isPromised))
                if let refused {
                    try #require((refused == element) == (most <= own + 1))
                    guard let place = waiting.firstIndex(where: { $0.element == refused }) else { continue }
                    let all = refusable(of: waiting[place].user)
                    try #require(all.count == most && all.last == refused)
                    waiting.remove(at: place)
                }
                waiting.append((element, user, isPromised))
                if !rotation.contains(user) { rotation.append(user) }
            }
            try #require(queue.count == waiting.count)
        }
    }
}
