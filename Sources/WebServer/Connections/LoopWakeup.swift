import Core
import Foundation
package import NIOCore
import NIOPosix
package import Realtime

/// A ``TurnScheduler`` that wakes an event loop through a socket pair to run a turn: one batch of a hub shard's pending
/// work.
///
/// A request for a turn writes a byte to one socket. The loop runs the turn when it reads that byte from the other
/// socket. So the loop serves the wake-up along with all other ready sockets.
package final class LoopWakeup: TurnScheduler {
    private let eventLoop: any EventLoop
    private let descriptor: CInt
    private let turn = Lock<(@Sendable () -> Void)?>(nil)

    /// Creates a scheduler for each event loop of a group.
    ///
    /// - Throws: `IOError` when the system has no file descriptors left.
    package static func loops(of group: any EventLoopGroup) async throws -> [HubLoop] {
        var loops: [HubLoop] = []
        for eventLoop in group.makeIterator() {
            loops.append(HubLoop(eventLoop, turns: try await attach(to: eventLoop)))
        }
        return loops
    }

    /// Creates a scheduler for `eventLoop`. It works until the loop shuts down or the scheduler is released.
    ///
    /// - Throws: `IOError` when the system has no file descriptors left.
    private static func attach(to eventLoop: any EventLoop) async throws -> LoopWakeup {
        var ends: [CInt] = [-1, -1]
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw IOError(errnoCode: errno, reason: "socketpair") }
        let wakeup = LoopWakeup(on: eventLoop, descriptor: ends[1])
        do {
            _ = try await NIOPipeBootstrap(group: eventLoop)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Handler(wakeup: wakeup))
                    }
                }
                .takingOwnershipOfDescriptor(input: ends[0]).get()
        } catch {
            close(ends[0])
            throw error
        }
        return wakeup
    }

    private init(on eventLoop: any EventLoop, descriptor: CInt) {
        self.eventLoop = eventLoop
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    package func setTurn(_ turn: @escaping @Sendable () -> Void) {
        self.turn.withLock { $0 = turn }
    }

    package func request() {
        let count = withUnsafeBytes(of: UInt8(1)) { send(descriptor, $0.baseAddress, 1, CInt(MSG_NOSIGNAL)) }
        // A full socket buffer already holds enough bytes to wake the loop. After any other error, the turn is run
        // without the sockets.
        if count < 0, errno != EAGAIN { eventLoop.execute { self.runTurn() } }
    }

    fileprivate func runTurn() {
        turn.withLock(\.self)?()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        /// The scheduler. The reference is weak, so that releasing the scheduler also closes the channel.
        private weak var wakeup: LoopWakeup?

        init(wakeup: LoopWakeup) {
            self.wakeup = wakeup
        }

        /// Runs one turn for all bytes that have arrived.
        func channelReadComplete(context: ChannelHandlerContext) {
            wakeup?.runTurn()
        }
    }
}
