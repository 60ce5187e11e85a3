internal import CMosquitto

extension MosquittoHandle {
    /// Sets everything that must be known before the first connect.
    func setOptions() throws(MQTTError) {
        let version = protocolLevel == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311
        try setOption(MOSQ_OPT_PROTOCOL_VERSION, Int(version))
        // 20 by default, with which batches would stay tiny.
        try setOption(MOSQ_OPT_RECEIVE_MAXIMUM, configuration.receiveMaximum)
        try setOption(MOSQ_OPT_SEND_MAXIMUM, configuration.maxOutboundMessages)
        try setOption(MOSQ_OPT_TCP_NODELAY, 1)
        // Packets are queued and not written, so that an acknowledgement leaves only when we call write().
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
        // Without a function of ours, OpenSSL would ask the terminal for the passphrase of an encrypted key.
        let result = mosquitto_tls_set(pointer, tls.caFile, directory, tls.certificateFile, tls.keyFile) { _, _, _, _ in
            0
        }
        try check(result)
    }
}
