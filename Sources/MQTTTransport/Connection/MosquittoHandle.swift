internal import CMosquitto
import Foundation

/// Owns one `struct mosquitto` and turns its callbacks into values.
///
/// The one file that hands a Swift object through C: `Unmanaged` is used here and nowhere else. Callbacks copy, offer
/// and return; whoever drives the loop takes what they left with ``takeEvents()`` and ``takeMessages()``. Not
/// thread-safe: one thread at a time makes calls, and callbacks come on it too, inside of the calls.
final class MosquittoHandle {
    /// What the library reported, other than messages.
    enum Event: Equatable {
        case connectAnswered(reasonCode: Int, sessionPresent: Bool)
        case subscribeAnswered(packetID: Int32, reasonCodes: [Int])
        case published(packetID: Int32, reasonCode: Int)
        case disconnected(reasonCode: Int)
    }

    /// Initialises the library once for the process.
    private static let initialisation: Int32 = mosquitto_lib_init()

    let pointer: OpaquePointer
    let configuration: MQTTConfiguration
    /// 5, or 4 for MQTT 3.1.1.
    let protocolLevel: Int
    /// The library's last words about an error; kept with TLS and until the broker answered.
    var lastWords: String?
    /// Whether the broker has answered CONNECT.
    var isAnswered = false
    /// The DUP flags of what comes after a connect that found the session.
    private var duplicates: DuplicateFlags

    private var messages: [MQTTMessage] = []
    private var events: [Event] = []
    /// Bytes of the messages that wait to be taken, topics and properties included.
    private(set) var messageBytes = 0

    init(configuration: MQTTConfiguration, protocolLevel: Int) throws(MQTTError) {
        _ = Self.initialisation
        guard let pointer = mosquitto_new(configuration.clientID, !configuration.keepsSession, nil) else {
            throw .connectionFailed("libmosquitto could not make a client (\(Self.systemError()))")
        }
        self.pointer = pointer
        self.configuration = configuration
        self.protocolLevel = protocolLevel
        duplicates = DuplicateFlags(clientID: configuration.clientID)
        mosquitto_user_data_set(pointer, Unmanaged.passUnretained(self).toOpaque())
        try setOptions()
        setCallbacks()
    }

    deinit {
        mosquitto_destroy(pointer)
    }

    // MARK: Loop

    /// The socket, or `nil` when there is no connection.
    var socket: Int32? {
        let socket = mosquitto_socket(pointer)
        return socket >= 0 ? socket : nil
    }

    var wantsWrite: Bool { mosquitto_want_write(pointer) }

    /// Reads a packet or a few; false when the socket had no more to give.
    func read() throws(MQTTError) -> Bool {
        let before = messages.count + events.count
        errno = 0
        let result = mosquitto_loop_read(pointer, 1)
        let wouldBlock = errno == EAGAIN || errno == EWOULDBLOCK
        try check(result)
        // `errno` alone does not tell: with every acknowledgement the library also writes to a pipe of its own, which
        // nobody reads in a loop like ours, so that it is full and would block too.
        return !wouldBlock || messages.count + events.count > before
    }

    /// Writes what waits, acknowledgements included: call it only when nothing unaccepted is left.
    func write() throws(MQTTError) {
        try check(mosquitto_loop_write(pointer, 1))
    }

    /// Keeps the connection alive; due about once a second.
    func keepAlive() throws(MQTTError) {
        try check(mosquitto_loop_misc(pointer))
    }

    var messageCount: Int { messages.count }

    /// The messages that arrived since the last call.
    func takeMessages() -> [MQTTMessage] {
        guard !messages.isEmpty else { return [] }
        var taken: [MQTTMessage] = []
        // The next batch is likely as long as this one: it gets its room at once instead of growing into it.
        taken.reserveCapacity(messages.count)
        swap(&taken, &messages)
        messageBytes = 0
        return taken
    }

    /// What happened since the last call.
    func takeEvents() -> [Event] {
        guard !events.isEmpty else { return [] }
        defer { events.removeAll(keepingCapacity: true) }
        return events
    }

    // MARK: Callbacks

    private func setCallbacks() {
        mosquitto_connect_v5_callback_set(pointer) { client, object, reasonCode, flags, _ in
            // From here on every packet would be logged, which costs.
            mosquitto_log_callback_set(client, nil)
            guard let handle = MosquittoHandle.from(object) else { return }
            let isPresent = flags & 1 == 1
            handle.lastWords = nil
            handle.isAnswered = true
            handle.events.append(.connectAnswered(reasonCode: Int(reasonCode), sessionPresent: isPresent))
            handle.listenForDuplicates(isWanted: isPresent)
        }
        mosquitto_disconnect_v5_callback_set(pointer) { _, object, reasonCode, _ in
            MosquittoHandle.from(object)?.events.append(.disconnected(reasonCode: Int(reasonCode)))
        }
        mosquitto_subscribe_v5_callback_set(pointer) { _, object, packetID, count, granted, _ in
            let codes = UnsafeBufferPointer(start: granted, count: Int(count)).map(Int.init)
            MosquittoHandle.from(object)?.events.append(
                .subscribeAnswered(packetID: packetID, reasonCodes: codes))
        }
        mosquitto_publish_v5_callback_set(pointer) { _, object, packetID, reasonCode, _ in
            MosquittoHandle.from(object)?.events.append(
                .published(packetID: packetID, reasonCode: Int(reasonCode)))
        }
        mosquitto_message_v5_callback_set(pointer) { _, object, message, properties in
            guard let message, let handle = MosquittoHandle.from(object) else { return }
            let isDuplicate = handle.duplicates.isListening ? handle.flag(of: message.pointee) : nil
            let copy = MQTTMessage(copying: message.pointee, properties, isDuplicate: isDuplicate)
            handle.messageBytes += copy.byteCount
            handle.messages.append(copy)
        }
    }

    /// Listens to the library's errors, for what it says of a failed TLS handshake only there.
    func listenForLastWords() {
        lastWords = nil
        mosquitto_log_callback_set(pointer) { _, object, level, text in
            guard level == MOSQ_LOG_ERR, let text else { return }
            MosquittoHandle.from(object)?.lastWords = String(cString: text)
        }
    }

    /// Listens to what the library says of packets, for the flag that it tells only there.
    ///
    /// Must not be called in the log's own callback, during which the library holds the lock that this takes.
    private func listenForDuplicates(isWanted: Bool) {
        duplicates.reset()
        guard isWanted, configuration.subscriptions.contains(where: { $0.qos == .atLeastOnce }) else { return }
        duplicates.listen()
        mosquitto_log_callback_set(pointer) { _, object, level, text in
            guard level == MOSQ_LOG_DEBUG, let text else { return }
            MosquittoHandle.from(object)?.duplicates.logged(text)
        }
    }

    /// The DUP flag of a message that the library hands over, and the end of listening where it was the last.
    private func flag(of message: mosquitto_message) -> Bool? {
        guard message.qos > 0 else { return nil }
        let isDuplicate = duplicates.flag(of: UInt16(truncatingIfNeeded: message.mid))
        if !duplicates.isListening { mosquitto_log_callback_set(pointer, nil) }
        return isDuplicate
    }

    private static func from(_ object: UnsafeMutableRawPointer?) -> MosquittoHandle? {
        object.map { Unmanaged<MosquittoHandle>.fromOpaque($0).takeUnretainedValue() }
    }
}
