import Crypto
import Foundation
import NIOCore
import NIOHTTP1
import Realtime

/// Answers an admitted handshake and puts the connection's handler into the pipeline (RFC 6455 section 4.2.2).
///
/// ``UpgradeGate`` has decided before: whatever arrives here with `Upgrade: websocket` is let in.
struct WebSocketUpgrader: NIOTypedHTTPServerProtocolUpgrader {
    typealias UpgradeResult = HTTP1WebSocketChannel.Outcome

    let supportedProtocol = "websocket"
    let requiredUpgradeHeaders: [String] = []

    private static let keySuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    let admission: NIOLoopBound<Admission>
    let environment: ConnectionEnvironment
    let echoPath: EchoPath?

    func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        let key = upgradeRequest.headers.first(name: "sec-websocket-key") ?? ""
        let digest = Insecure.SHA1.hash(data: Data((key + Self.keySuffix).utf8))
        var headers = initialResponseHeaders
        headers.replaceOrAdd(name: "upgrade", value: "websocket")
        headers.replaceOrAdd(name: "connection", value: "upgrade")
        headers.replaceOrAdd(name: "sec-websocket-accept", value: Data(digest).base64EncodedString())
        if !UpgradeRequest.isEcho(upgradeRequest, echoPath: echoPath),
            TokenSource.subprotocols(of: upgradeRequest).contains(TokenSource.windsockSubprotocol)
        {
            headers.replaceOrAdd(name: "sec-websocket-protocol", value: TokenSource.windsockSubprotocol)
        }
        return channel.eventLoop.makeSucceededFuture(headers)
    }

    func upgrade(channel: any Channel, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<UpgradeResult> {
        environment.cap.upgraded(channel)
        return channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            pipeline.removeHandler(try pipeline.handler(type: HTTPInputGate.self), promise: nil)
            if UpgradeRequest.isEcho(upgradeRequest, echoPath: echoPath) {
                try pipeline.addHandler(
                    EchoConnection(closeTimeout: environment.limits.closeTimeout, logger: environment.logger))
                return .webSocket
            }
            guard let identity = admission.value.identity, let shard = environment.hub.shard(on: channel.eventLoop)
            else { throw ChannelError.inappropriateOperationForState }
            try pipeline.addHandler(
                WebSocketConnection(identity: identity, shard: shard, environment: environment))
            return .webSocket
        }
    }
}
