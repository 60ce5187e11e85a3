internal import CMosquitto
import Core
import Telemetry

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
    /// With MQTT 5, retained messages are sent only for new subscriptions (retain handling 1).
    func subscribe(to subscription: MQTTSubscription) throws(MQTTError) -> Int32 {
        var packetID: Int32 = 0
        let options = protocolLevel == 5 ? Int32(MQTT_SUB_OPT_SEND_RETAIN_NEW.rawValue) : 0
        try check(
            mosquitto_subscribe_v5(
                pointer, &packetID, subscription.filter.rawValue, Int32(subscription.qos.rawValue), options, nil))
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
