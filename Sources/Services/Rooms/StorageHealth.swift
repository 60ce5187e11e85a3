package import Core
package import Logging
import Storage

/// The health of the storage: whether it can be written, judged by failed writes and by successful ingest batches and
/// probes (``DatabaseWriter/probe()``), and whether it can be read.
///
/// While writing fails, no reading is acknowledged to the broker or shown live; `/readyz` gives the reason.
/// Thread-safe.
package final class StorageHealth: Sendable {
    /// The start and the reason of a failure.
    package struct Trouble: Sendable, Equatable {
        package var since: Timestamp
        /// A text for operators, without a full stop.
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

    /// The current write failure; `nil` while writing works.
    package var trouble: Trouble? { state.withLock { $0 } }

    /// The first failure to read damaged data; `nil` while there was none, and after ``foundIntact()``.
    package var unreadable: Trouble? { damage.withLock { $0 } }

    /// Records a failed read. Only damage to the file counts: other failures, such as a locked file, are temporary.
    func readFailed(_ failure: StorageError) {
        guard failure.isDamage else { return }
        let isNews = damage.withLock { damage in
            guard damage == nil else { return false }
            damage = Trouble(since: clock.now(), reason: failure.description)
            return true
        }
        guard isNews else { return }
        logger.error(
            "Stored data cannot be read; export what is readable and restore a backup",
            metadata: ["reason": "\(failure.description)"])
    }

    /// Records that the whole database could be read: the failure was one of the disk that has passed.
    package func foundIntact() {
        let ended = damage.withLock { damage in
            defer { damage = nil }
            return damage
        }
        guard let ended else { return }
        logger.notice("The database was checked and is intact", metadata: ["reason": "\(ended.reason)"])
    }

    /// Records that an ingest batch or a probe was committed, which ends a write failure.
    func succeeded() {
        let ended = state.withLock { state in
            defer { state = nil }
            return state
        }
        guard let ended else { return }
        let duration = clock.now().since(ended.since)
        logger.notice("The storage works again", metadata: ["after": "\(duration)", "reason": "\(ended.reason)"])
    }

    /// Records a failed transaction. A failure caused by the written content says nothing about the storage and is
    /// ignored.
    func failed(_ failure: StorageError) {
        guard failure.isStorageAtFault else { return }
        let now = clock.now()
        let isNews = state.withLock { state in
            defer { state = Trouble(since: state?.since ?? now, reason: failure.description) }
            return state?.reason != failure.description
        }
        if isNews {
            logger.error(
                "Nothing can be stored; readings are queued at the broker",
                metadata: ["reason": "\(failure.description)"])
        }
    }
}
