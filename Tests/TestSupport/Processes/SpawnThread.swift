import Foundation

/// The one thread that starts child processes, alive until the end of this process.
///
/// The system's "die with your parent" (`PR_SET_PDEATHSIG`) means the parent *thread*: children that a thread of a
/// pool starts would be killed whenever the pool lets that thread go.
///
/// `@unchecked Sendable`: `jobs` is touched only while `condition` is locked.
final class SpawnThread: @unchecked Sendable {
    static let shared = SpawnThread()

    private let condition = NSCondition()
    private var jobs: [@Sendable () -> Void] = []

    private init() {
        let thread = Thread { [self] in
            while true { nextJob()() }
        }
        thread.name = "spawn"
        thread.start()
    }

    /// Runs `body` on the thread and blocks until it is done: it takes a millisecond or two.
    func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value {
        let box = Box<Value>()
        let done = DispatchSemaphore(value: 0)
        condition.withLock {
            jobs.append {
                box.value = body()
                done.signal()
            }
            condition.signal()
        }
        while true {
            done.wait()
            if let value = box.value { return value }
        }
    }

    private func nextJob() -> @Sendable () -> Void {
        condition.withLock {
            while jobs.isEmpty { condition.wait() }
            return jobs.removeFirst()
        }
    }

    /// `@unchecked Sendable`: written before the semaphore is signalled, read after.
    private final class Box<Value>: @unchecked Sendable {
        var value: Value?
    }
}
