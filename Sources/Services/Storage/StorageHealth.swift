import Core
package import Logging
import Storage
package import Telemetry

/// Whether what must survive can be written: what the failure of any write, and the success of a batch or a probe, say
/// of it.
///
/// While it fails, nothing is acknowledged to the broker and nothing is shown live; `/readyz` says why. Thread-safe.
package final class StorageHealth: Sendable {
    /// Since when, and why, nothing can be written.
    package struct Trouble: Sendable, Equatable {
        package var since: Timestamp
        /// For people; without a dot.
        package var reason: String
    }

    private let state = Lock<Trouble?>(nil)
    private let clock: any WallClock
    private let logger: Logger

    package init(clock: any WallClock = SystemWallClock(), logger: Logger) {
        self.clock = clock
        self.logger = logger
    }

    /// `nil` while all is well.
    package var trouble: Trouble? { state.withLock { $0 } }

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
