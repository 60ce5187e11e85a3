import Core

/// A clock that advances only when the test moves it.
final class SettableClock: WallClock {
    /// The initial time, in seconds since 1970.
    static let start = 1_700_000_000

    private let time = Lock(Timestamp(nanosecondsSinceEpoch: Int64(start) * 1_000_000_000))

    func now() -> Timestamp { time.withLock { $0 } }

    func advance(by duration: Duration) {
        time.withLock { $0 = $0.advanced(by: duration) }
    }
}
