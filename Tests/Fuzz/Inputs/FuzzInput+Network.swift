#if DEBUG || FUZZING
    import NIOCore
    import NIOHTTP1
    import Telemetry

    @testable import WebServer

    extension FuzzInput {
        /// What clients send.
        static let network = [
            FuzzInput("websocket", readFrames), FuzzInput("upgrade", readUpgrade), FuzzInput("token", readToken),
            FuzzInput("command", readCommand),
        ]

        private static func events(in bytes: [UInt8], step: Int) -> (events: [WebSocketDecoder.Event], isRefused: Bool)
        {
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
                return (events, true)
            }
            return (events, false)
        }

        /// Frames give the same in whatever pieces they arrive.
        private static let readFrames: @Sendable ([UInt8]) -> Void = { bytes in
            let whole = events(in: bytes, step: .max)
            for step in [1, 7] {
                let pieces = events(in: bytes, step: step)
                promise(pieces == whole, "in pieces of \(step) bytes: \(pieces), not \(whole)")
            }
        }

        /// The lines of a request's head. The parser lets no name through that is not ASCII, and the type traps on it.
        private static let readUpgrade: @Sendable ([UInt8]) -> Void = { bytes in
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            var headers = HTTPHeaders()
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts[0].utf8.allSatisfy({ $0 < 0x80 }) else { continue }
                headers.add(name: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : "")
            }
            let head = HTTPRequestHead(
                version: .http1_1, method: .GET, uri: lines.first.map(String.init) ?? "", headers: headers)
            _ = UpgradeRequest(head, origins: OriginPolicy(publicOrigin: "https://w.example", allowed: ["null"]))
        }

        private static let readToken: @Sendable ([UInt8]) -> Void = { bytes in
            _ = try? TokenClaims(json: bytes)
            if let token = try? SignedToken(String(decoding: bytes, as: UTF8.self)) {
                _ = try? TokenClaims(json: token.payload)
            }
        }

        private static let readCommand: @Sendable ([UInt8]) -> Void = { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            let receivedAt = Timestamp(nanosecondsSinceEpoch: 1_750_000_000_000_000_000)
            guard let command = try? ClientCommand(json: text, receivedAt: receivedAt) else {
                _ = ClientCommand.id(ofRefused: text)
                return
            }
            _ = try? command.room()
            _ = try? command.content()
            _ = try? command.idempotencyKey()
        }
    }

    private func == (
        one: (events: [WebSocketDecoder.Event], isRefused: Bool),
        other: (events: [WebSocketDecoder.Event], isRefused: Bool)
    ) -> Bool {
        one.events == other.events && one.isRefused == other.isRefused
    }
#endif
