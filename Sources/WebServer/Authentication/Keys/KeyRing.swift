import Core
import Logging
import Telemetry

/// A cache of the public keys of a ``JWKSource``. The keys are refreshed when the refresh interval has passed, when the
/// file has changed, and when a token names an unknown key.
///
/// A refresh begins only when a key is looked up or ``reload()`` is called; nothing runs in the background. Only one
/// refresh runs at a time, and lookups wait for it. So a key that was removed from the source is not used after the
/// refresh interval, unless the refresh fails.
///
/// After a failed refresh the old keys stay in use. The next refresh is due after ``retryInterval``, or after the
/// refresh interval if that is shorter. Lookups then wait for it only if the source is a file or their key is unknown.
actor KeyRing {
    /// The shortest time between two refreshes for unknown keys, so that invented key ids cannot flood the source. Also
    /// the longest time until a refresh is due after a failed one.
    static let retryInterval: Duration = .seconds(30)

    private let source: JWKSource
    private let loader: KeySetLoader
    private let refreshInterval: Duration
    private let clock: any WallClock
    private let logger: Logger

    private var keys: KeySet
    private var stamp: FileStamp?
    private var attemptedAt: Timestamp
    private var hasFailed = false
    private var askedAgainAt: Timestamp?
    private var refreshing: Task<Void, Never>?

    /// Loads the keys for the first time.
    ///
    /// - Throws: ``TokenKeyError/notLoaded(_:_:)`` when loading fails or the set is empty.
    init(
        source: JWKSource, refreshInterval: Duration, loader: KeySetLoader = KeySetLoader(), clock: any WallClock,
        logger: Logger
    ) async throws(TokenKeyError) {
        self.source = source
        self.loader = loader
        self.refreshInterval = refreshInterval
        self.clock = clock
        self.logger = logger
        stamp = Self.stamp(of: source)
        attemptedAt = clock.now()
        keys = try await Self.load(source, with: loader, allowsEmpty: false, logger: logger)
    }

    /// Looks up the key for a token's `kid` and `alg`. May wait for a refresh if one is due or the `kid` is unknown.
    func key(id: String?, algorithm: TokenAlgorithm) async -> KeySet.Lookup {
        if isDue {
            let mayWait = !hasFailed || source.isFile
            let refresh = startRefresh()
            if mayWait { await refresh.value }
        }
        let found = keys.key(id: id, algorithm: algorithm)
        guard case .unknownID = found else { return found }
        if let refreshing {
            await refreshing.value
        } else if mayAskAgain {
            askedAgainAt = clock.now()
            await startRefresh().value
        } else {
            return found
        }
        return keys.key(id: id, algorithm: algorithm)
    }

    /// Reloads the keys now, even if no refresh is due.
    func reload() async {
        await startRefresh().value
    }

    private var isDue: Bool {
        if Self.stamp(of: source) != stamp { return true }
        let age = clock.now().since(attemptedAt)
        // Without the check for a negative age, a clock that was set back would postpone the refresh.
        return age < .zero || age >= (hasFailed ? min(Self.retryInterval, refreshInterval) : refreshInterval)
    }

    private var mayAskAgain: Bool {
        guard let askedAgainAt else { return true }
        let age = clock.now().since(askedAgainAt)
        return age < .zero || age >= Self.retryInterval
    }

    private func startRefresh() -> Task<Void, Never> {
        if let refreshing { return refreshing }
        let task = Task { await refresh() }
        refreshing = task
        return task
    }

    private func refresh() async {
        // Read before the file, so that a change during loading is seen next time. Stored afterwards, so that the
        // refresh stays due and callers wait for this one.
        let stamp = Self.stamp(of: source)
        defer {
            self.stamp = stamp
            attemptedAt = clock.now()
            refreshing = nil
        }
        do throws(TokenKeyError) {
            keys = try await Self.load(source, with: loader, allowsEmpty: true, logger: logger)
            hasFailed = false
        } catch {
            hasFailed = true
            logger.error(
                "Token keys could not be refreshed; the old keys remain in use", metadata: ["error": "\(error)"])
        }
    }

    private static func stamp(of source: JWKSource) -> FileStamp? {
        if case .file(let path) = source { FileStamp(path: path) } else { nil }
    }

    /// Loads the keys and logs how many there are.
    private static func load(
        _ source: JWKSource, with loader: KeySetLoader, allowsEmpty: Bool, logger: Logger
    ) async throws(TokenKeyError) -> KeySet {
        let keys: KeySet
        do throws(TokenKeyError) {
            keys = try KeySet(json: try await loader.load(source))
            guard allowsEmpty || !keys.keys.isEmpty else { throw .empty }
        } catch {
            throw .notLoaded(source, error)
        }
        logger.info(
            "Token keys loaded",
            metadata: [
                "source": "\(source)", "keys": "\(keys.keys.count)",
                "left_out": .array(keys.skipped.map { .string($0) }),
            ])
        if keys.keys.isEmpty { logger.warning("The key set is empty; all tokens that need its keys are rejected") }
        return keys
    }
}
