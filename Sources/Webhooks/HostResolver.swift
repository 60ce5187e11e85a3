import Core
import Dispatch
import Foundation

/// A resolver of host names to IP addresses.
package protocol HostResolver: Sendable {
    /// Returns the host's addresses in the order to try them; never empty. Ends early when the task is cancelled.
    ///
    /// - Throws: ``WebhookError/notResolved(host:reason:)``, or `CancellationError`.
    func addresses(of host: String) async throws -> [IPAddress]
}

/// The system's resolver (`getaddrinfo`), which uses the hosts file and the name servers.
///
/// `getaddrinfo` blocks for as long as the name servers take. It therefore runs on a dispatch queue of its own and
/// blocks neither an event loop nor a thread of the task pool. Look-ups run one at a time; those cancelled while
/// waiting are skipped.
package struct SystemHostResolver: HostResolver {
    private let queue = DispatchQueue(label: "windsock.webhook.resolver")

    package init() {}

    package func addresses(of host: String) async throws -> [IPAddress] {
        let answer = Answer()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard answer.await(continuation) else { return }
                queue.async {
                    guard answer.isAwaited else { return }
                    answer.give(Result { try Self.lookUp(host) })
                }
            }
        } onCancel: {
            answer.give(.failure(CancellationError()))
        }
    }

    /// The result of one look-up, set once: by the look-up or by cancellation, whichever comes first.
    private final class Answer: Sendable {
        private enum State {
            case asked
            case awaited(CheckedContinuation<[IPAddress], any Error>)
            case given
        }

        private let state = Lock(State.asked)

        var isAwaited: Bool {
            state.withLock { state in
                if case .awaited = state { true } else { false }
            }
        }

        /// Sets the continuation. Returns false when the task was already cancelled, so that no look-up is needed.
        func await(_ continuation: CheckedContinuation<[IPAddress], any Error>) -> Bool {
            let isAsked = state.withLock { state in
                guard case .asked = state else { return false }
                state = .awaited(continuation)
                return true
            }
            if !isAsked { continuation.resume(throwing: CancellationError()) }
            return isAsked
        }

        func give(_ result: Result<[IPAddress], any Error>) {
            let before = state.withLock { state in
                defer { state = .given }
                return state
            }
            if case .awaited(let continuation) = before { continuation.resume(with: result) }
        }
    }

    /// Resolves `host`. Blocks the calling thread.
    private static func lookUp(_ host: String) throws -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if canImport(Darwin)
            hints.ai_socktype = SOCK_STREAM
        #else
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard status == 0 else {
            throw WebhookError.notResolved(host: host, reason: String(cString: gai_strerror(status)))
        }
        var found: [IPAddress] = []
        var next = list
        while let entry = next?.pointee {
            if let address = address(of: entry), !found.contains(address) { found.append(address) }
            next = entry.ai_next
        }
        guard !found.isEmpty else { throw WebhookError.notResolved(host: host, reason: "it has no address") }
        return found
    }

    private static func address(of entry: addrinfo) -> IPAddress? {
        guard let raw = UnsafeRawPointer(entry.ai_addr) else { return nil }
        switch entry.ai_family {
        case AF_INET: return IPAddress(raw.loadUnaligned(as: sockaddr_in.self).sin_addr)
        case AF_INET6: return IPAddress(raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr)
        default: return nil
        }
    }
}
