import CCurl
import Core
import Foundation

/// A client for the few HTTP/1.1 requests that the gateway makes itself, over libcurl.
///
///     response(to:) ─▶ starting ─▶ thread: curl_multi_perform ⇄ curl_multi_poll ─▶ response or error
///       cancelled ───────────────────────── wake-up ──────────────┘
///
/// Each request makes a single attempt. Redirects, proxies (those of the environment included), cookies, `.netrc`,
/// authentication and repetitions are off, and TLS always verifies the certificate against the URL's host.
///
/// All requests of a client share one thread, so neither tasks nor event loops wait for a socket. The thread starts
/// with a request, and ends when no request is left and the kept connections have been idle for ``keepAlive``. Callers
/// limit the number of concurrent requests: each of them makes one at a time.
package final class HTTPClient: Sendable {
    private struct State {
        /// The transfers that the thread has not begun yet.
        var starting: [HTTPTransfer] = []
        /// libcurl's handle while the thread runs; `nil` while there is no thread.
        var multi: CurlMulti?
        var isShutDown = false
    }

    /// The time for which an idle connection is kept, and with it the thread.
    static let keepAlive = Duration.seconds(60)

    private let state = Lock(State())
    private let reusesConnections: Bool
    private let tls: TLS

    /// Creates a client without opening a connection.
    ///
    /// - Parameters:
    ///   - reusesConnections: True to keep connections for the next request to the same server. False to open a new
    ///     connection for each request and to close it afterwards.
    ///   - tls: The settings of all its connections.
    package init(reusesConnections: Bool, tls: TLS = TLS()) {
        self.reusesConnections = reusesConnections
        self.tls = tls
    }

    /// Sends a request once. Ends at once when the task is cancelled.
    ///
    /// - Returns: The response, as soon as its head is complete and its body has ended, is too long, or has failed.
    /// - Throws: ``HTTPFailure`` or `CancellationError`, if there is no complete head.
    package func response(to request: Request) async throws -> Response {
        let transfer = try HTTPTransfer(request, tls: tls, reusesConnections: reusesConnections)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                transfer.continuation = continuation
                start(transfer)
            }
        } onCancel: {
            state.withLock { state in
                transfer.isCancelled = true
                state.multi?.wakeUp()
            }
        }
    }

    /// Ends all requests and closes all connections. Later requests fail. Never blocks.
    package func shutdown() {
        state.withLock { state in
            state.isShutDown = true
            state.multi?.wakeUp()
        }
    }

    private func start(_ transfer: HTTPTransfer) {
        let refusal: (any Error)? = state.withLock { state in
            if transfer.isCancelled { return CancellationError() }
            if state.isShutDown { return HTTPFailure.shutDown }
            guard let multi = state.multi ?? CurlMulti() else { return HTTPFailure.outOfMemory }
            state.starting.append(transfer)
            if state.multi == nil {
                state.multi = multi
                let thread = Thread { self.run(multi) }
                thread.name = "http-client"
                thread.start()
            } else {
                multi.wakeUp()
            }
            return nil
        }
        if let refusal { transfer.end(throwing: refusal) }
    }

    /// Performs transfers until none is left and no connection is worth keeping.
    private func run(_ multi: CurlMulti) {
        Self.blockBrokenPipeSignal()
        var idleUntil = ContinuousClock.now
        repeat {
            while true {
                let (starting, cancelled, isShutDown) = state.withLock { state in
                    defer { state.starting = [] }
                    let all = multi.transfers + state.starting
                    return (state.starting, all.filter(\.isCancelled), state.isShutDown)
                }
                for transfer in starting { multi.add(transfer) }
                for transfer in cancelled { multi.end(transfer, throwing: CancellationError()) }
                if isShutDown { multi.endAll(throwing: .shutDown) }
                multi.perform()
                let now = ContinuousClock.now
                for transfer in multi.transfers where transfer.deadline <= now {
                    multi.end(transfer, throwing: HTTPFailure.timedOut)
                }
                if !multi.transfers.isEmpty {
                    idleUntil = now + (reusesConnections ? Self.keepAlive : .zero)
                } else if idleUntil <= now || isShutDown {
                    break
                }
                multi.wait(until: multi.transfers.map(\.deadline).min() ?? idleUntil)
            }
        } while !release()
    }

    /// Forgets the thread's handle, so that the thread can end. Returns false if a request has arrived in the meantime.
    private func release() -> Bool {
        state.withLock { state in
            guard state.starting.isEmpty else { return false }
            state.multi = nil
            return true
        }
    }

    /// Blocks SIGPIPE on this thread, and on those that libcurl starts from it. A write to a connection that the peer has
    /// closed must not end the process, and libcurl does not promise to prevent the signal.
    private static func blockBrokenPipeSignal() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}

/// libcurl's handle for all transfers and connections of a client.
///
/// `@unchecked Sendable`: ``wakeUp()`` may be called on any thread. Everything else is used by the client's thread
/// only. The handle is freed when that thread has ended.
final class CurlMulti: @unchecked Sendable {
    /// The most idle connections to keep.
    private static let maxConnections = 4

    private let handle: UnsafeMutableRawPointer
    private(set) var transfers: [HTTPTransfer] = []

    /// Returns `nil` when there is no memory.
    init?() {
        guard HTTPTransfer.isLibraryReady, let handle = curl_multi_init() else { return nil }
        self.handle = handle
        _ = curl_multi_set_number(handle, CURLMOPT_MAXCONNECTS, Self.maxConnections)
    }

    deinit {
        _ = curl_multi_cleanup(handle)
    }

    /// Ends a wait on the client's thread, or the next one if there is none.
    func wakeUp() {
        _ = curl_multi_wakeup(handle)
    }

    func add(_ transfer: HTTPTransfer) {
        transfers.append(transfer)
        let code = curl_multi_add_handle(handle, transfer.handle)
        if code != CURLM_OK { end(transfer, throwing: HTTPFailure(code)) }
    }

    /// Reads and writes what the sockets allow without waiting, and ends the transfers that are complete.
    func perform() {
        var running: Int32 = 0
        let code = curl_multi_perform(handle, &running)
        guard code == CURLM_OK else { return endAll(throwing: HTTPFailure(code)) }
        var left: Int32 = 0
        while let message = curl_multi_info_read(handle, &left) {
            // Removing the handle frees the message.
            let (easy, result) = (message.pointee.easy_handle, message.pointee.data.result)
            guard let transfer = transfers.first(where: { $0.handle == easy }) else { continue }
            end(transfer, throwing: transfer.failure(result))
        }
    }

    /// Waits for a socket, a wake-up, one of libcurl's timers, or the deadline.
    func wait(until deadline: ContinuousClock.Instant) {
        let milliseconds = ((deadline - .now) / .milliseconds(1)).rounded(.up)
        let code = curl_multi_poll(handle, nil, 0, Int32(min(max(0, milliseconds), 3_600_000)), nil)
        if code != CURLM_OK { endAll(throwing: HTTPFailure(code)) }
    }

    /// Ends a transfer, and closes its connection if it is not complete. Does nothing if it has ended before.
    ///
    /// - Parameter error: The reason, `nil` when the response is complete.
    func end(_ transfer: HTTPTransfer, throwing error: (any Error)?) {
        guard let index = transfers.firstIndex(where: { $0 === transfer }) else { return }
        transfers.remove(at: index)
        _ = curl_multi_remove_handle(handle, transfer.handle)
        transfer.end(throwing: error)
    }

    func endAll(throwing failure: HTTPFailure) {
        for transfer in transfers { end(transfer, throwing: failure) }
    }
}
