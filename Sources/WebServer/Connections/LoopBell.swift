import Core
import Foundation
package import NIOCore
import NIOPosix
package import Realtime

/// Gives a hub's shard its turns by way of a socket pair: the loop reads what was written into it along with all other
/// sockets that are ready.
package final class LoopBell: ShardTurns {
    private let eventLoop: any EventLoop
    private let descriptor: CInt
    private let turn = Lock<(@Sendable () -> Void)?>(nil)

    /// All loops of a group, each with a bell.
    ///
    /// - Throws: `IOError` when the system has no descriptors left.
    package static func loops(of group: any EventLoopGroup) async throws -> [HubLoop] {
        var loops: [HubLoop] = []
        for eventLoop in group.makeIterator() {
            loops.append(HubLoop(eventLoop, turns: try await hang(on: eventLoop)))
        }
        return loops
    }

    /// A bell that rings on `eventLoop`, until that shuts down or the bell is gone.
    ///
    /// - Throws: `IOError` when the system has no descriptors left.
    private static func hang(on eventLoop: any EventLoop) async throws -> LoopBell {
        var ends: [CInt] = [-1, -1]
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw IOError(errnoCode: errno, reason: "socketpair") }
        let bell = LoopBell(on: eventLoop, descriptor: ends[1])
        do {
            _ = try await NIOPipeBootstrap(group: eventLoop)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Handler(bell: bell))
                    }
                }
                .takingOwnershipOfDescriptor(input: ends[0]).get()
        } catch {
            close(ends[0])
            throw error
        }
        return bell
    }

    private init(on eventLoop: any EventLoop, descriptor: CInt) {
        self.eventLoop = eventLoop
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    package func begin(_ turn: @escaping @Sendable () -> Void) {
        self.turn.withLock { $0 = turn }
    }

    package func request() {
        let count = withUnsafeBytes(of: UInt8(1)) { send(descriptor, $0.baseAddress, 1, CInt(MSG_NOSIGNAL)) }
        // When the buffer is full, there is enough to read already. Anything else must not cost the turn.
        if count < 0, errno != EAGAIN { eventLoop.execute { self.ring() } }
    }

    fileprivate func ring() {
        turn.withLock(\.self)?()
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        /// Weak, so that the bell's end also ends the channel.
        private weak var bell: LoopBell?

        init(bell: LoopBell) {
            self.bell = bell
        }

        /// Once for all bytes that had come.
        func channelReadComplete(context: ChannelHandlerContext) {
            bell?.ring()
        }
    }
}
