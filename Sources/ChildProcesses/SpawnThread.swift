import Foundation

/// The thread that starts all child processes. It lives until this process ends.
///
/// The parent in `PR_SET_PDEATHSIG` is the parent *thread*. Children started by a pool thread would be killed when the
/// pool retires that thread.
///
/// `@unchecked Sendable`: `jobs` is accessed only while `condition` is locked.
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

    /// Runs `body` on the thread and blocks until it is done, typically one or two milliseconds.
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

    /// `@unchecked Sendable`: written before the semaphore is signalled, read afterwards.
    private final class Box<Value>: @unchecked Sendable {
        var value: Value?
    }
}
