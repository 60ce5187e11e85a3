import Core

#if DEBUG || FUZZING
    import NIOCore
    import NIOHTTP1
    import Telemetry

    @testable import WebServer

    extension FuzzInput {
        /// Data sent by clients.
        static let network = [
            FuzzInput("websocket", readFrames), FuzzInput("upgrade", readUpgrade), FuzzInput("token", readToken),
            FuzzInput("command", readCommand),
        ]

        private struct Frames: Equatable {
            var events: [WebSocketDecoder.Event]
            var isRefused: Bool
        }

        private static func events(in bytes: [UInt8], step: Int) -> Frames {
            var decoder = WebSocketDecoder(maxMessageBytes: 4096)
            var buffer = ByteBuffer()
            var events: [WebSocketDecoder.Event] = []
            var rest = bytes[...]
            do {
                while !rest.isEmpty {
                    buffer.writeBytes(rest.prefix(step))
                    rest = rest.dropFirst(step)
                    while let event = try decoder.next(from: &buffer) { events.append(event) }
                }
            } catch {
                return Frames(events: events, isRefused: true)
            }
            return Frames(events: events, isRefused: false)
        }

        /// Frames decode to the same events however their bytes are split.
        private static let readFrames: @Sendable ([UInt8]) -> Bool = { bytes in
            let whole = events(in: bytes, step: .max)
            for step in [1, 7] {
                let pieces = events(in: bytes, step: step)
                promise(pieces == whole, "in pieces of \(step) bytes: \(pieces), not \(whole)")
            }
            return !whole.isRefused && !whole.events.isEmpty
        }

        /// Reads the lines of a request head. The HTTP parser rejects non-ASCII names, and the header type traps on
        /// them.
        private static let readUpgrade: @Sendable ([UInt8]) -> Bool = { bytes in
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            var headers = HTTPHeaders()
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts[0].utf8.allSatisfy({ $0 < 0x80 }) else { continue }
                headers.add(name: String(parts[0]), value: parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
            }
            let head = HTTPRequestHead(
                version: .http1_1, method: .GET, uri: lines.first.map(String.init) ?? "", headers: headers)
            let origins = OriginPolicy(publicOrigin: "https://w.example", allowed: ["null"])
            return UpgradeRequest(head, origins: origins) == .handshake
        }

        private static let readToken: @Sendable ([UInt8]) -> Bool = { bytes in
            _ = try? TokenClaims(json: bytes)
            guard let token = try? SignedToken(String(decoding: bytes, as: UTF8.self)) else { return false }
            return (try? TokenClaims(json: token.payload)) != nil
        }

        private static let readCommand: @Sendable ([UInt8]) -> Bool = { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            let receivedAt = Timestamp(nanosecondsSinceEpoch: 1_750_000_000_000_000_000)
            guard let command = try? ClientCommand(json: text, receivedAt: receivedAt) else {
                _ = ClientCommand.id(ofRefused: text)
                return false
            }
            _ = try? command.content()
            _ = try? command.idempotencyKey()
            return (try? command.filter()) != nil
        }
    }
#endif
