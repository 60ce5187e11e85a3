import Core
package import Logging
import Storage
package import Telemetry

/// Whether what must survive can be written, by the failure of any write and the success of a batch or a probe, and whether
/// it can be read.
///
/// While writing fails, nothing is acknowledged to the broker and nothing is shown live; `/readyz` says why. Thread-safe.
package final class StorageHealth: Sendable {
    /// Since when, and why, nothing can be written.
    package struct Trouble: Sendable, Equatable {
        package var since: Timestamp
        /// For people; without a dot.
        package var reason: String
    }

    private let state = Lock<Trouble?>(nil)
    private let damage = Lock<Trouble?>(nil)
    private let clock: any WallClock
    private let logger: Logger

    package init(clock: any WallClock = SystemWallClock(), logger: Logger) {
        self.clock = clock
        self.logger = logger
    }

    /// `nil` while all is well.
    package var trouble: Trouble? { state.withLock { $0 } }

    /// Since when, and why, something that is stored cannot be read: the first such failure. What is damaged stays so until the
    /// gateway starts again with a file that is whole.
    package var unreadable: Trouble? { damage.withLock { $0 } }

    /// Reading failed. Only what is the fault of the file is trouble: a lock passes.
    func readFailed(_ failure: StorageFailure) {
        guard failure.isDamage else { return }
        let isNews = damage.withLock { damage in
            guard damage == nil else { return false }
            damage = Trouble(since: clock.now(), reason: failure.description)
            return true
        }
        guard isNews else { return }
        logger.error(
            "Something that is stored cannot be read; export what can be, and restore a backup",
            metadata: ["reason": "\(failure.description)"])
    }

    /// As much was committed as ingest needs.
    func succeeded() {
        let ended = state.withLock { state in
            defer { state = nil }
            return state
        }
        guard let ended else { return }
        let duration = clock.now().since(ended.since)
        logger.notice("The storage works again", metadata: ["after": "\(duration)", "reason": "\(ended.reason)"])
    }

    /// A transaction failed. What is the fault of what was written says nothing of the storage.
    func failed(_ failure: StorageFailure) {
        guard failure.isStorageAtFault else { return }
        let now = clock.now()
        let isNews = state.withLock { state in
            defer { state = Trouble(since: state?.since ?? now, reason: failure.description) }
            return state?.reason != failure.description
        }
        if isNews {
            logger.error(
                "Nothing can be stored; readings wait at the broker", metadata: ["reason": "\(failure.description)"])
        }
    }
}
