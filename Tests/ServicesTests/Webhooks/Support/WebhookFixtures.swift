import Core
import Logging
import Telemetry
import TestSupport

@testable import Services

extension Timestamp {
    /// 1790000000 s: a moment of 2026.
    static let testStart = Timestamp(nanosecondsSinceEpoch: 1_790_000_000_000_000_000)
}

extension WebhookEvent {
    static func test(_ id: String, trace: TraceContext? = nil) -> WebhookEvent {
        WebhookEvent(id: id, body: Array(#"{"alert":"too hot"}"#.utf8), trace: trace)
    }
}

/// 28 bytes.
let testSecret = "correct horse battery staple"
/// Under ``testSecret``, of the body of ``WebhookEvent/test(_:trace:)`` at ``Timestamp/testStart``; computed by openssl.
let testSignature = "t=1790000000,v1=5ed32081f12e015af4dafed8eafd76ce616aaa8c858dd818600366330b1b0a56"

/// A clock that goes on only while somebody sleeps by it: an hour's wait takes no time.
final class SleepClock: WallClock {
    private struct State {
        var now = Timestamp.testStart
        var sleeps: [Duration] = []
    }

    private let state = Lock(State())

    var sleeps: [Duration] { state.withLock { $0.sleeps } }

    func now() -> Timestamp { state.withLock { $0.now } }

    func set(_ now: Timestamp) { state.withLock { $0.now = now } }

    func sleep(for duration: Duration) async throws {
        try Task.checkCancellation()
        state.withLock { state in
            state.sleeps.append(duration)
            state.now = state.now.advanced(by: duration)
        }
    }
}

/// Names with addresses of the test's choice.
struct ListedHosts: HostResolver {
    let hosts: [String: [IPAddress]]

    init(_ hosts: [String: [String]]) {
        self.hosts = hosts.mapValues { $0.compactMap { IPAddress($0) } }
    }

    func addresses(of host: String) throws -> [IPAddress] {
        guard let addresses = hosts[host] else { throw HostResolutionError(host: host, reason: "nobody knows it") }
        return addresses
    }
}

/// Keeps all lines at all levels, metadata included.
struct LogLines: LogHandler {
    final class Lines: Sendable {
        private let lines = Lock<[String]>([])
        var all: [String] { lines.withLock { $0 } }
        func containing(_ text: String) -> [String] { all.filter { $0.contains(text) } }
        fileprivate func append(_ line: String) { lines.withLock { $0.append(line) } }
    }

    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        lines.append("\(event.level): \(event.message) \(all)")
    }

    static func logger(to lines: Lines) -> Logger {
        Logger(label: "test") { _ in LogLines(lines: lines) }
    }
}
