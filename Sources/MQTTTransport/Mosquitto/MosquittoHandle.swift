internal import CMosquitto
import Core
import Foundation
import Telemetry

/// A wrapper that owns one `struct mosquitto` and converts its callbacks into values.
///
/// This is the only file that uses `Unmanaged` to pass a Swift object through C. Callbacks copy their data, queue it
/// and return; ``MQTTSession`` collects it with ``takeEvents()`` and ``takeMessages()``. Not thread-safe: only one
/// thread may call it at a time, and callbacks run on that thread, inside of the calls.
final class MosquittoHandle {
    /// An event reported by libmosquitto, other than a message.
    enum Event: Equatable {
        case connectAnswered(reasonCode: Int, sessionPresent: Bool)
        case subscribeAnswered(packetID: Int32, reasonCodes: [Int])
        case unsubscribeAnswered(packetID: Int32)
        case published(packetID: Int32, reasonCode: Int)
        case disconnected(reasonCode: Int)
    }

    /// The result of libmosquitto's initialisation, which happens once per process.
    private static let initialisation: Int32 = mosquitto_lib_init()

    private let pointer: OpaquePointer
    private let configuration: MQTTConfiguration
    /// 5, or 4 for MQTT 3.1.1.
    private let protocolLevel: Int
    /// The last error that libmosquitto logged. Recorded with TLS only, until the broker answers CONNECT.
    private var lastLoggedError: String?
    /// True when the broker has answered CONNECT.
    private var isAnswered = false
    /// The DUP flags of the messages after a resumed session.
    private var duplicates: DuplicateFlags

    private var messages: [MQTTMessage] = []
    private var events: [Event] = []
    /// The total size, in bytes, of the messages that ``takeMessages()`` has not returned yet, including topics and
    /// properties.
    private(set) var messageBytes = 0

    init(configuration: MQTTConfiguration, protocolLevel: Int) throws(MQTTError) {
        _ = Self.initialisation
        guard let pointer = mosquitto_new(configuration.clientID, !configuration.keepsSession, nil) else {
            throw .connectionFailed("libmosquitto could not create a client (\(Self.systemError()))")
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

    /// The socket, or `nil` if there is no connection.
    var socket: Int32? {
        let socket = mosquitto_socket(pointer)
        return socket >= 0 ? socket : nil
    }

    var wantsWrite: Bool { mosquitto_want_write(pointer) }

    /// Reads one or a few packets. Returns false if the socket had no data.
    func read() throws(MQTTError) -> Bool {
        let before = messages.count + events.count
        errno = 0
        let result = mosquitto_loop_read(pointer, 1)
        let wouldBlock = errno == EAGAIN || errno == EWOULDBLOCK
        try check(result)
        // `errno` alone is not reliable. libmosquitto also writes to an internal pipe for every acknowledgement. A loop
        // like ours never drains that pipe, so it fills up and sets EAGAIN as well.
        return !wouldBlock || messages.count + events.count > before
    }

    /// Writes pending packets, including acknowledgements. Call it only when all received messages have been accepted.
    func write() throws(MQTTError) {
        try check(mosquitto_loop_write(pointer, 1))
    }

    /// Maintains the keep-alive. Call it about once a second.
    func keepAlive() throws(MQTTError) {
        try check(mosquitto_loop_misc(pointer))
    }

    var messageCount: Int { messages.count }

    /// Returns the messages received since the last call.
    func takeMessages() -> [MQTTMessage] {
        guard !messages.isEmpty else { return [] }
        var taken: [MQTTMessage] = []
        // Reserve room for a batch of the same size, because the next one is likely to be similar.
        taken.reserveCapacity(messages.count)
        swap(&taken, &messages)
        messageBytes = 0
        return taken
    }

    /// Returns the events since the last call.
    func takeEvents() -> [Event] {
        guard !events.isEmpty else { return [] }
        defer { events.removeAll(keepingCapacity: true) }
        return events
    }

    // MARK: Callbacks

    private func setCallbacks() {
        mosquitto_connect_v5_callback_set(pointer) { client, object, reasonCode, flags, _ in
            // Stop logging, because every packet from here on would be logged, which is expensive.
            mosquitto_log_callback_set(client, nil)
            guard let handle = MosquittoHandle.from(object) else { return }
            let isPresent = flags & 1 == 1
            handle.lastLoggedError = nil
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
        mosquitto_unsubscribe_v5_callback_set(pointer) { _, object, packetID, _ in
            MosquittoHandle.from(object)?.events.append(.unsubscribeAnswered(packetID: packetID))
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

    /// Records the errors that libmosquitto logs. The cause of a failed TLS handshake is reported only there.
    private func recordLoggedErrors() {
        lastLoggedError = nil
        mosquitto_log_callback_set(pointer) { _, object, level, text in
            guard level == MOSQ_LOG_ERR, let text else { return }
            MosquittoHandle.from(object)?.lastLoggedError = String(cString: text)
        }
    }

    /// Enables packet logging to read DUP flags, which are reported only there.
    ///
    /// Do not call this in the log callback itself: libmosquitto then holds the lock that this needs.
    private func listenForDuplicates(isWanted: Bool) {
        duplicates.reset()
        guard isWanted, configuration.subscriptions.contains(where: { $0.qos == .atLeastOnce }) else { return }
        duplicates.listen()
        mosquitto_log_callback_set(pointer) { _, object, level, text in
            guard level == MOSQ_LOG_DEBUG, let text else { return }
            MosquittoHandle.from(object)?.duplicates.logged(text)
        }
    }

    /// Returns the DUP flag of a message. Disables packet logging once the flags are no longer needed.
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

/// Requests to the broker.
extension MosquittoHandle {
    /// Opens the connection and queues CONNECT. Blocks during the DNS lookup and the TCP connect.
    ///
    /// Discards data that an earlier connection left unwritten, including acknowledgements. Unacknowledged QoS 1
    /// publications are resent.
    func connect() throws(MQTTError) {
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if protocolLevel == 5 {
            if configuration.keepsSession {
                try check(
                    mosquitto_property_add_int32(
                        &properties, Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue),
                        UInt32(clamping: configuration.sessionExpiry.components.seconds)))
            }
            try check(
                mosquitto_property_add_int32(
                    &properties, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue),
                    UInt32(clamping: configuration.maxPacketBytes)))
        }
        isAnswered = false
        if configuration.tls != nil { recordLoggedErrors() }
        try check(
            mosquitto_connect_bind_v5(
                pointer, configuration.host, Int32(configuration.port),
                Int32(clamping: configuration.keepAlive.components.seconds), nil, properties))
    }

    /// Queues DISCONNECT. The broker keeps the session until it expires and does not publish the last will.
    func disconnect() {
        mosquitto_disconnect_v5(pointer, 0, nil)
    }

    /// Queues SUBSCRIBE for one filter. Returns the packet id that the SUBACK will carry.
    ///
    /// With MQTT 5, retained messages are sent only for new subscriptions (retain handling 1), unless the subscription
    /// wants them always.
    func subscribe(to subscription: MQTTSubscription) throws(MQTTError) -> Int32 {
        var packetID: Int32 = 0
        let options =
            protocolLevel == 5 && !subscription.wantsRetained ? Int32(MQTT_SUB_OPT_SEND_RETAIN_NEW.rawValue) : 0
        try check(
            mosquitto_subscribe_v5(
                pointer, &packetID, subscription.filter.rawValue, Int32(subscription.qos.rawValue), options, nil))
        return packetID
    }

    /// Queues UNSUBSCRIBE for one filter. Returns the packet id that the UNSUBACK will carry.
    func unsubscribe(from filter: TopicFilter) throws(MQTTError) -> Int32 {
        var packetID: Int32 = 0
        try check(mosquitto_unsubscribe_v5(pointer, &packetID, filter.rawValue, nil))
        return packetID
    }

    /// Queues PUBLISH. Returns the packet id under which the completion will arrive.
    ///
    /// - Throws: ``MQTTError/invalidPublication(_:)`` if the message is invalid or this broker does not accept it;
    ///   ``MQTTError/connectionFailed(_:)``.
    func publish(_ publication: MQTTPublication) throws(MQTTError) -> Int32 {
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if protocolLevel == 5 {
            for property in publication.userProperties {
                let result = mosquitto_property_add_string_pair(
                    &properties, Int32(MQTT_PROP_USER_PROPERTY.rawValue), property.name, property.value)
                guard result == MOSQ_ERR_SUCCESS.status else {
                    throw .invalidPublication(
                        "the user property \(property.name) was rejected: \(Self.text(of: result))")
                }
            }
        }
        var packetID: Int32 = 0
        let result = publication.payload.withUnsafeBytes { payload in
            mosquitto_publish_v5(
                pointer, &packetID, publication.topic, Int32(payload.count), payload.baseAddress,
                Int32(publication.qos.rawValue), publication.retain, properties)
        }
        switch result {
        case MOSQ_ERR_INVAL.status, MOSQ_ERR_MALFORMED_UTF8.status, MOSQ_ERR_PAYLOAD_SIZE.status,
            MOSQ_ERR_OVERSIZE_PACKET.status, MOSQ_ERR_QOS_NOT_SUPPORTED.status, MOSQ_ERR_RETAIN_NOT_SUPPORTED.status:
            throw .invalidPublication(Self.text(of: result))
        default: try check(result)
        }
        return packetID
    }
}

extension MosquittoHandle {
    /// Sets all options that must be set before the first connect.
    private func setOptions() throws(MQTTError) {
        let version = protocolLevel == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
        try setOption(MOSQ_OPT_PROTOCOL_VERSION, Int(version))
        // The default is 20, which would keep batches tiny.
        try setOption(MOSQ_OPT_RECEIVE_MAXIMUM, configuration.receiveMaximum)
        try setOption(MOSQ_OPT_SEND_MAXIMUM, configuration.maxOutboundMessages)
        try setOption(MOSQ_OPT_TCP_NODELAY, 1)
        // Makes libmosquitto queue packets instead of writing them, so that acknowledgements are sent only by write().
        try check(mosquitto_threaded_set(pointer, true))
        if let username = configuration.username {
            try check(mosquitto_username_pw_set(pointer, username, configuration.password))
        }
        if let will = configuration.lastWill { try setWill(will) }
        if let tls = configuration.tls { try setTLS(tls) }
    }

    private func setOption(_ option: mosq_opt_t, _ value: Int) throws(MQTTError) {
        try check(mosquitto_int_option(pointer, option, Int32(clamping: value)))
    }

    private func setWill(_ will: MQTTPublication) throws(MQTTError) {
        let result = will.payload.withUnsafeBytes { payload in
            mosquitto_will_set(
                pointer, will.topic, Int32(payload.count), payload.baseAddress, Int32(will.qos.rawValue), will.retain)
        }
        try check(result)
    }

    private func setTLS(_ tls: MQTTTLSConfiguration) throws(MQTTError) {
        let directory = tls.caFile == nil ? MQTTTLSConfiguration.systemCADirectory : nil
        // Without this callback, OpenSSL would ask on the terminal for the passphrase of an encrypted key.
        let result = mosquitto_tls_set(pointer, tls.caFile, directory, tls.certificateFile, tls.keyFile) { _, _, _, _ in
            0
        }
        try check(result)
    }
}

extension MosquittoHandle {
    /// Throws the error that `result` stands for, or returns if `result` is success.
    private func check(_ result: Int32) throws(MQTTError) {
        guard result != MOSQ_ERR_SUCCESS.status else { return }
        // A rejected certificate can appear as a lost connection. The logged error tells more.
        if let lastLoggedError { throw .tlsFailed(Self.reason(inLoggedError: lastLoggedError)) }
        if result == MOSQ_ERR_TLS.status { throw .tlsFailed("no reason given") }
        if configuration.tls != nil, result == MOSQ_ERR_ERRNO.status, errno == EPROTO, !isAnswered {
            let hint = configuration.tls?.certificateFile == nil ? "; it may require a client certificate" : ""
            throw .tlsFailed("the broker closed the connection\(hint)")
        }
        throw .connectionFailed(Self.text(of: result))
    }

    private static func text(of result: Int32) -> String {
        switch result {
        case MOSQ_ERR_ERRNO.status: systemError()
        case MOSQ_ERR_KEEPALIVE.status: "keep-alive timed out"
        // The lookup's error code is in errno.
        case MOSQ_ERR_EAI.status: lowerFirst(String(cString: gai_strerror(errno)))
        default: mosquitto_strerror(result).map { lowerFirst(String(cString: $0)) } ?? "error \(result)"
        }
    }

    private static func systemError() -> String {
        lowerFirst(String(cString: strerror(errno)))
    }

    /// Returns the meaning of a reason code from CONNACK, SUBACK or DISCONNECT.
    static func meaning(ofReasonCode code: Int, protocolLevel: Int) -> String {
        let text = protocolLevel == 5 ? mosquitto_reason_string(Int32(code)) : mosquitto_connack_string(Int32(code))
        return text.map { lowerFirst(String(cString: $0)) } ?? "reason code \(code)"
    }

    /// Returns the last part of an OpenSSL error, which names the cause. Example: "OpenSSL Error[0]: error:0A000086:SSL
    /// routines::certificate verify failed".
    private static func reason(inLoggedError words: String) -> String {
        let last = words.split(separator: ":").last.map(String.init) ?? words
        return lowerFirst(last.trimmingCharacters(in: .whitespaces))
    }

    /// Adapts a message of libmosquitto for use inside a sentence: removes prefixes and the final dot, and lowercases
    /// the first letter.
    private static func lowerFirst(_ text: String) -> String {
        var text = text.hasSuffix(".") ? String(text.dropLast()) : text
        for prefix in ["Connection Refused: ", "Connection error: "] where text.hasPrefix(prefix) {
            text.removeFirst(prefix.count)
        }
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}

extension mosq_err_t {
    /// The error code as an `Int32`, the type in which libmosquitto's functions return it.
    var status: Int32 { Int32(rawValue) }
}
