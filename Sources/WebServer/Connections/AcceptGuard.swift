import Foundation
import NIOCore

/// Stands first in the listening channel: counts what is accepted, closes what is too much, and pauses when the system
/// has no descriptors left.
///
/// NIO's own back-off does not help there: after `EMFILE` the channel stays registered for reading, and the loop spins
/// in `accept`. Turning reading off takes it out of the selector.
final class AcceptGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel

    private static let pause = TimeAmount.milliseconds(100)

    private let cap: ConnectionCap
    private var isPaused = false

    init(cap: ConnectionCap) {
        self.cap = cap
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        switch cap.open(channel) {
        case .admitted: context.fireChannelRead(data)
        case .refused: channel.close(promise: nil)
        }
        if cap.isExhausted { pause(context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) else {
            return context.fireErrorCaught(error)
        }
        cap.acceptFailed(error)
        pause(context)
    }

    private func pause(_ context: ChannelHandlerContext) {
        guard !isPaused else { return }
        isPaused = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        context.eventLoop.scheduleTask(in: Self.pause) {
            let (handler, context) = bound.value
            handler.isPaused = false
            // Sockets that wait to be closed on busy loops still hold their descriptors.
            if handler.cap.isExhausted { return handler.pause(context) }
            try? context.channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }
}
