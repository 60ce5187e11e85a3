import MQTTTransport
import Telemetry

extension GatewayConfiguration {
    /// What the status topic holds.
    static let onlinePayload = Array("online".utf8)
    static let offlinePayload = Array("offline".utf8)

    /// Stands for a client id that is made on the first start and kept in the data directory.
    static let unsetClientID = "windsock"

    static func mqtt(_ settings: inout SettingsReader, routes: [TopicRoute]) -> MQTTConfiguration {
        let clientID = settings.text(.mqttClientID) ?? unsetClientID
        var mqtt = MQTTConfiguration(clientID: clientID)
        let url = settings.text(.mqttURL) ?? ""
        do throws(MQTTError) {
            mqtt = try MQTTConfiguration(url: url, clientID: clientID)
        } catch {
            settings.fail(.mqttURL, "\(error)", instead: ())
        }
        mqtt.protocolVersion = settings.choice(
            .mqttVersion, [("auto", .automatic), ("5", .v5), ("3.1.1", .v311)], fallback: .automatic)
        if let username = settings.text(.mqttUsername) { mqtt.username = username }
        if let password = settings.secret(.mqttPassword, file: .mqttPasswordFile) { mqtt.password = password }
        mqtt.keepAlive = settings.duration(.mqttKeepAlive, in: .seconds(5)...(.seconds(65_535)))
        mqtt.sessionExpiry = settings.duration(.mqttSessionExpiry, in: .zero...(.seconds(4_294_967_294)))
        mqtt.receiveMaximum = settings.integer(.mqttReceiveMaximum, in: 1...65_535)
        configureTLS(&mqtt, &settings)
        configureStatus(&mqtt, &settings)
        mqtt.subscriptions = subscriptions(to: routes, &settings)
        do throws(MQTTError) {
            try mqtt.validate()
        } catch {
            settings.record(ConfigurationError(origin: "mqtt", problem: "\(error)"))
        }
        return mqtt
    }

    private static func configureTLS(_ mqtt: inout MQTTConfiguration, _ settings: inout SettingsReader) {
        let tls = MQTTTLSConfiguration(
            caFile: settings.text(.mqttCAFile),
            certificateFile: settings.text(.mqttCertificateFile),
            keyFile: settings.text(.mqttKeyFile))
        if mqtt.tls != nil {
            mqtt.tls = tls
        } else if tls != MQTTTLSConfiguration() {
            settings.fail(.mqttURL, "TLS files are set, but the URL is not mqtts://.", instead: ())
        }
    }

    private static func configureStatus(_ mqtt: inout MQTTConfiguration, _ settings: inout SettingsReader) {
        let text = settings.text(.mqttStatusTopic) ?? ""
        guard (try? TopicName(text)) != nil else {
            return settings.fail(
                .mqttStatusTopic, "\"\(text)\" is not a topic: no + or #, 1 to 65535 bytes.", instead: ())
        }
        let online = MQTTPublication(topic: text, payload: onlinePayload, qos: .atLeastOnce, retain: true)
        let offline = MQTTPublication(topic: text, payload: offlinePayload, qos: .atLeastOnce, retain: true)
        mqtt.birth = online
        mqtt.lastWill = offline
        mqtt.farewell = offline
    }

    private static func subscriptions(
        to routes: [TopicRoute], _ settings: inout SettingsReader
    ) -> [MQTTSubscription] {
        let group = settings.text(.mqttShareGroup)
        return routes.compactMap { route in
            let qos: MQTTQoS = route.qos == 0 ? .atMostOnce : .atLeastOnce
            guard let group, route.filter.shareGroup == nil else {
                return MQTTSubscription(filter: route.filter, qos: qos)
            }
            do {
                return MQTTSubscription(filter: try TopicFilter("$share/\(group)/\(route.filter)"), qos: qos)
            } catch {
                return settings.fail(.mqttShareGroup, "\(error)", instead: nil)
            }
        }
    }
}
