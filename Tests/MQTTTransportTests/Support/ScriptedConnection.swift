import Foundation
import Synchronization

/// A connection of a ``ScriptedBroker`` that reads and writes packets as bytes. Reads time out after ten seconds.
final class ScriptedConnection: Sendable {
    /// The client closed the connection, or the read timed out.
    struct Ended: Error {}
    /// The client sent something other than the script expected.
    struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    /// The control packets that scripts use (MQTT 5, section 2.1.2), identified by the upper half of the first byte.
    enum Kind: UInt8 {
        case connect = 1
        case publish = 3
        case puback = 4
        case subscribe = 8
        case unsubscribe = 10
        case pingRequest = 12
        case disconnect = 14
    }

    struct Packet: Sendable {
        let kind: Kind?
        /// The first byte.
        let head: UInt8
        /// Everything after the remaining length.
        let body: [UInt8]

        /// The packet id of a SUBSCRIBE, UNSUBSCRIBE or PUBACK.
        var packetID: [UInt8] { Array(body.prefix(2)) }
        /// The protocol level of a CONNECT: 5, or 4 for 3.1.1.
        var protocolLevel: UInt8 { body.count > 6 ? body[6] : 0 }

        func contains(_ bytes: [UInt8]) -> Bool {
            guard body.count >= bytes.count else { return false }
            return (0...(body.count - bytes.count)).contains { body[$0...].starts(with: bytes) }
        }
    }

    private let socket: Int32
    private let isClosed = Atomic(false)

    init(socket: Int32) {
        self.socket = socket
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Connects to a real broker, for behaviour that our clients do not have.
    convenience init(to port: Int) throws {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard ScriptedBroker.withLoopback(port, { connect(descriptor, $0, $1) }) == 0 else {
            Glibc.close(descriptor)
            throw Ended()
        }
        self.init(socket: descriptor)
    }

    /// Reads a whole packet.
    func read() throws -> Packet {
        let head = try byte()
        var length = 0
        var factor = 1
        for _ in 0..<4 {
            let next = try byte()
            length += Int(next & 0x7F) * factor
            if next & 0x80 == 0 { break }
            factor *= 128
        }
        var body: [UInt8] = []
        for _ in 0..<length { body.append(try byte()) }
        return Packet(kind: Kind(rawValue: head >> 4), head: head, body: body)
    }

    /// Reads a packet, which must be of that kind.
    @discardableResult
    func read(_ kind: Kind) throws -> Packet {
        let packet = try read()
        guard packet.kind == kind else {
            throw Unexpected(description: "expected \(kind), got \(packet.kind.map { "\($0)" } ?? "\(packet.head)")")
        }
        return packet
    }

    /// Reads until the client closes the connection.
    func readToEnd() throws {
        while true { _ = try byte() }
    }

    /// Whether nothing can be read at the moment.
    var isSilent: Bool {
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) == -1
    }

    func write(_ bytes: [UInt8]) throws {
        guard send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { throw Ended() }
    }

    /// Waits for the client's first byte and resets the connection.
    func reset() throws {
        _ = try byte()
        resetWhenClosed()
    }

    /// Makes closing send a reset, as for a process killed with unread bytes in its socket.
    func resetWhenClosed() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }

    /// Closes the socket once.
    func close() {
        if isClosed.exchange(true, ordering: .relaxed) { return }
        Glibc.close(socket)
    }

    private func byte() throws -> UInt8 {
        var byte: UInt8 = 0
        guard recv(socket, &byte, 1, 0) == 1 else { throw Ended() }
        return byte
    }
}

extension ScriptedConnection {
    /// Accepts a CONNECT and returns it.
    @discardableResult
    func acceptClient(sessionPresent: Bool = false) throws -> Packet {
        let connect = try read(.connect)
        let present: UInt8 = sessionPresent ? 1 : 0
        try write(connect.protocolLevel == 5 ? [0x20, 3, present, 0, 0] : [0x20, 2, present, 0])
        return connect
    }

    /// Grants or refuses the next SUBSCRIBE.
    @discardableResult
    func answerSubscribe(_ code: UInt8, protocolLevel: UInt8 = 5) throws -> Packet {
        let packet = try read(.subscribe)
        let properties: [UInt8] = protocolLevel == 5 ? [0] : []
        let body = packet.packetID + properties + [code]
        try write([0x90, UInt8(body.count)] + body)
        return packet
    }

    /// Sends an MQTT 5 message at QoS 1.
    func publish(_ text: String, to topic: String, packetID: UInt8, isDuplicate: Bool = false) throws {
        try write(Self.publish(text, to: topic, packetID: packetID, isDuplicate: isDuplicate))
    }

    /// Returns the packet of an MQTT 5 message at QoS 1.
    static func publish(
        _ text: String, to topic: String, packetID: UInt8, isDuplicate: Bool = false
    ) -> [UInt8] {
        let body = [0, UInt8(topic.utf8.count)] + Array(topic.utf8) + [0, packetID, 0] + Array(text.utf8)
        return [isDuplicate ? 0x3A : 0x32, UInt8(body.count)] + body
    }
}
