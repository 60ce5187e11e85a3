import Core
import Foundation
import Glibc
import Logging
import TestSupport

@testable import Webhooks

extension Timestamp {
    /// 1790000000 s, a timestamp in 2026.
    static let testStart = Timestamp(nanosecondsSinceEpoch: 1_790_000_000_000_000_000)
}

extension WebhookEvent {
    static func test(_ id: String, trace: TraceContext? = nil) -> WebhookEvent {
        WebhookEvent(id: id, body: Array(#"{"alert":"too hot"}"#.utf8), trace: trace)
    }
}

extension ScriptedHTTPServer {
    /// The event ids of all requests, in order of arrival.
    var eventIDs: [String] { requests.compactMap(\.eventID) }
}

extension ScriptedHTTPServer.Request {
    var eventID: String? { header("Windsock-Event-Id") }
}

/// 28 bytes.
let testSecret = "correct horse battery staple"
/// The signature under ``testSecret`` of the body of ``WebhookEvent/test(_:trace:)`` at ``Timestamp/testStart``,
/// computed by openssl.
let testSignature = "t=1790000000,v1=5ed32081f12e015af4dafed8eafd76ce616aaa8c858dd818600366330b1b0a56"

/// A clock that advances only during sleeps, so that an hour's wait takes no time.
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

/// A resolver with fixed addresses.
struct ListedHosts: HostResolver {
    let hosts: [String: [IPAddress]]

    init(_ hosts: [String: [String]]) {
        self.hosts = hosts.mapValues { $0.compactMap { IPAddress($0) } }
    }

    func addresses(of host: String) throws -> [IPAddress] {
        guard let addresses = hosts[host] else { throw WebhookError.notResolved(host: host, reason: "nobody knows it") }
        return addresses
    }
}

/// A listening socket whose queue is full, so that the system drops the packets of further connections.
final class FullSocket: Sendable {
    private let descriptors: [Int32]

    init(host: String, port: Int) throws {
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptors = (0..<4).map { _ in socket(AF_INET, flags, 0) }
        self.descriptors = descriptors
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafePointer(to: &address) { address in
            try address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard bind(descriptors[0], address, size) == 0, listen(descriptors[0], 0) == 0 else {
                    throw POSIXError(.EADDRINUSE)
                }
                for descriptor in descriptors.dropFirst() { _ = connect(descriptor, address, size) }
            }
        }
    }

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }
}
