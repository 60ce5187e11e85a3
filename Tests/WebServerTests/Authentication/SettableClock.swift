import Core

/// A clock that stands still until a test moves it.
final class SettableClock: WallClock {
    /// What it shows at first, in seconds since 1970.
    static let start = 1_700_000_000

    private let time = Lock(Timestamp(nanosecondsSinceEpoch: Int64(start) * 1_000_000_000))

    func now() -> Timestamp { time.withLock { $0 } }

    func advance(by duration: Duration) {
        time.withLock { $0 = $0.advanced(by: duration) }
    }
}
