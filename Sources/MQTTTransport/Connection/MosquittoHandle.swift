internal import CMosquitto
import Foundation
import Telemetry

/// Owns one `struct mosquitto` and turns its callbacks into values.
///
/// The one file that hands a Swift object through C: `Unmanaged` is used here and nowhere else. Callbacks copy, offer
/// and return; whoever drives the loop takes what they left with ``takeEvents()`` and ``takeMessages()``. Not
/// thread-safe: one thread makes all calls, and callbacks come on it too, inside of the calls.
final class MosquittoHandle {
    /// What the library reported, other than messages.
    enum Event {
        case connectAnswered(reasonCode: Int, sessionPresent: Bool)
        case subscribeAnswered(packetID: Int32, reasonCodes: [Int])
        case published(packetID: Int32, reasonCode: Int)
        case disconnected(reasonCode: Int)
    }

    /// Initialises the library once for the process.
    private static let library: Int32 = mosquitto_lib_init()

    private let pointer: OpaquePointer
    private var messages: [MQTTMessage] = []
    private var events: [Event] = []

    init(configuration: MQTTConfiguration, protocolLevel: Int) throws(MQTTError) {
        _ = Self.library
        guard let pointer = mosquitto_new(configuration.clientID, !configuration.keepsSession, nil) else {
            throw .connectionFailed("libmosquitto could not make a client (\(Self.systemError()))")
        }
        self.pointer = pointer
        mosquitto_user_data_set(pointer, Unmanaged.passUnretained(self).toOpaque())
        do throws(MQTTError) {
            try configure(configuration, protocolLevel)
        } catch {
            throw error
        }
        setCallbacks()
    }

    deinit {
        mosquitto_destroy(pointer)
    }

    // MARK: Connection

    /// Connects and queues CONNECT. Blocks while the name is resolved and TCP connects.
    func connect(to configuration: MQTTConfiguration, protocolLevel: Int) throws(MQTTError) {
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if protocolLevel == 5, configuration.keepsSession {
            try check(
                mosquitto_property_add_int32(
                    &properties, Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue),
                    UInt32(clamping: configuration.sessionExpiry.components.seconds)))
        }
        try check(
            mosquitto_connect_bind_v5(
                pointer, configuration.host, Int32(configuration.port),
                Int32(clamping: configuration.keepAlive.components.seconds), nil, properties))
    }

    /// The socket, or `nil` when there is no connection.
    var socket: Int32? {
        let socket = mosquitto_socket(pointer)
        return socket >= 0 ? socket : nil
    }

    var wantsWrite: Bool { mosquitto_want_write(pointer) }

    /// Queues DISCONNECT; the broker keeps the session for its expiry and does not publish the will.
    func disconnect() {
        mosquitto_disconnect_v5(pointer, 0, nil)
    }

    // MARK: Loop

    /// Reads packets; true when the socket had no more to give.
    func read() throws(MQTTError) -> Bool {
        errno = 0
        let result = mosquitto_loop_read(pointer, 1)
        let isDry = errno == EAGAIN || errno == EWOULDBLOCK
        try check(result)
        return isDry
    }

    /// Writes what waits, acknowledgements included: call it only when nothing unaccepted is left.
    func write() throws(MQTTError) {
        errno = 0
        try check(mosquitto_loop_write(pointer, 1))
    }

    /// Keeps the connection alive; due about once a second.
    func keepAlive() throws(MQTTError) {
        try check(mosquitto_loop_misc(pointer))
    }

    /// The messages that arrived since the last call.
    func takeMessages() -> [MQTTMessage] {
        defer { messages = [] }
        return messages
    }

    var messageCount: Int { messages.count }

    /// What happened since the last call.
    func takeEvents() -> [Event] {
        defer { events.removeAll(keepingCapacity: true) }
        return events
    }

    // MARK: Requests

    /// Queues SUBSCRIBE for one filter; returns the packet id that its answer will carry.
    ///
    /// With MQTT 5, retained messages come only for subscriptions that are new (retain handling 1).
    func subscribe(to subscription: MQTTSubscription, protocolLevel: Int) throws(MQTTError) -> Int32 {
        var packetID: Int32 = 0
        let options = protocolLevel == 5 ? Int32(MQTT_SUB_OPT_SEND_RETAIN_NEW.rawValue) : 0
        try check(
            mosquitto_subscribe_v5(
                pointer, &packetID, subscription.filter.rawValue, Int32(subscription.qos.rawValue), options, nil))
        return packetID
    }

    /// Queues PUBLISH; returns the packet id that its completion will carry.
    func publish(_ publication: MQTTPublication, protocolLevel: Int) throws(MQTTError) -> Int32 {
        var properties: OpaquePointer?
        defer { mosquitto_property_free_all(&properties) }
        if protocolLevel == 5 {
            for property in publication.userProperties {
                try check(
                    mosquitto_property_add_string_pair(
                        &properties, Int32(MQTT_PROP_USER_PROPERTY.rawValue), property.name, property.value))
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

    // MARK: Errors

    private func check(_ result: Int32) throws(MQTTError) {
        guard result == MOSQ_ERR_SUCCESS.status else { throw .connectionFailed(Self.text(of: result)) }
    }

    private static func text(of result: Int32) -> String {
        if result == MOSQ_ERR_ERRNO.status { return systemError() }
        return mosquitto_strerror(result).map { lowerFirst(String(cString: $0)) } ?? "error \(result)"
    }

    private static func systemError() -> String {
        lowerFirst(String(cString: strerror(errno)))
    }

    /// The library's sentences begin in upper case and end with a dot; ours go on around them.
    private static func lowerFirst(_ text: String) -> String {
        let text = text.hasSuffix(".") ? String(text.dropLast()) : text
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    /// What a CONNACK's, SUBACK's or DISCONNECT's reason code means.
    static func meaning(ofReasonCode code: Int, protocolLevel: Int) -> String {
        let text = protocolLevel == 5 ? mosquitto_reason_string(Int32(code)) : mosquitto_connack_string(Int32(code))
        return text.map { lowerFirst(String(cString: $0)) } ?? "reason code \(code)"
    }
}

// MARK: Setting up

extension MosquittoHandle {
    private func configure(_ configuration: MQTTConfiguration, _ protocolLevel: Int) throws(MQTTError) {
        let version = protocolLevel == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
        try check(mosquitto_int_option(pointer, MOSQ_OPT_PROTOCOL_VERSION, version))
        try check(mosquitto_int_option(pointer, MOSQ_OPT_RECEIVE_MAXIMUM, Int32(configuration.receiveMaximum)))
        try check(mosquitto_int_option(pointer, MOSQ_OPT_SEND_MAXIMUM, Int32(clamping: configuration.maxOutboundMessages)))
        try check(mosquitto_int_option(pointer, MOSQ_OPT_TCP_NODELAY, 1))
        // Packets are queued and not written, so that an acknowledgement leaves only when we call write().
        try check(mosquitto_threaded_set(pointer, true))
        if let username = configuration.username {
            try check(mosquitto_username_pw_set(pointer, username, configuration.password))
        }
        if let will = configuration.lastWill {
            let result = will.payload.withUnsafeBytes { payload in
                mosquitto_will_set_v5(
                    pointer, will.topic, Int32(payload.count), payload.baseAddress, Int32(will.qos.rawValue),
                    will.retain, nil)
            }
            try check(result)
        }
        if let tls = configuration.tls {
            let directory = tls.caFile == nil ? MQTTTLSConfiguration.systemCADirectory : nil
            let result = mosquitto_tls_set(pointer, tls.caFile, directory, tls.certificateFile, tls.keyFile, nil)
            try check(result)
        }
    }

    private func setCallbacks() {
        mosquitto_connect_v5_callback_set(pointer) { _, object, reasonCode, flags, _ in
            MosquittoHandle.from(object)?.events.append(
                .connectAnswered(reasonCode: Int(reasonCode), sessionPresent: flags & 1 == 1))
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
            handle.messages.append(MQTTMessage(copying: message.pointee, properties))
        }
    }

    private static func from(_ object: UnsafeMutableRawPointer?) -> MosquittoHandle? {
        object.map { Unmanaged<MosquittoHandle>.fromOpaque($0).takeUnretainedValue() }
    }
}

extension mosq_err_t {
    /// As functions return it.
    fileprivate var status: Int32 { Int32(rawValue) }
}

extension MQTTMessage {
    fileprivate init(copying message: mosquitto_message, _ properties: OpaquePointer?) {
        self.init(
            topic: String(cString: message.topic),
            payload: [UInt8](UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen))),
            qos: message.qos > 0 ? .atLeastOnce : .atMostOnce,
            isRetained: message.retain,
            packetID: UInt16(truncatingIfNeeded: message.mid),
            userProperties: properties.map(Self.userProperties) ?? [])
    }

    private static func userProperties(in list: OpaquePointer) -> [MQTTUserProperty] {
        var found: [MQTTUserProperty] = []
        var name: UnsafeMutablePointer<CChar>?
        var value: UnsafeMutablePointer<CChar>?
        let identifier = Int32(MQTT_PROP_USER_PROPERTY.rawValue)
        var next = mosquitto_property_read_string_pair(list, identifier, &name, &value, false)
        while next != nil {
            if let name, let value {
                found.append(MQTTUserProperty(name: String(cString: name), value: String(cString: value)))
            }
            free(name)
            free(value)
            name = nil
            value = nil
            next = mosquitto_property_read_string_pair(next, identifier, &name, &value, true)
        }
        return found
    }
}
