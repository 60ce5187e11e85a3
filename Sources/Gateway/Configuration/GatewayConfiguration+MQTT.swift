import Foundation
import MQTTTransport
import Services
import Telemetry

extension GatewayConfiguration {
    /// What the status topic holds.
    static let onlinePayload = Array("online".utf8)
    static let offlinePayload = Array("offline".utf8)

    /// Stands for a client id that is made on the first start and kept in the data directory: a blank, which no setting
    /// can be.
    static let unsetClientID = " "

    static func mqtt(
        _ settings: inout SettingsReader, routes: [TopicRoute], statusRoutes: [StatusRoute], maxPayloadBytes: Int
    ) -> MQTTConfiguration {
        let errorCount = settings.errors.count
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
        if let (password, option) = settings.secret(.mqttPassword, file: .mqttPasswordFile) {
            mqtt.password = password
            if mqtt.username == nil {
                settings.fail(option, "A password needs a user name: mqtt.username, or one in mqtt.url.", instead: ())
            }
        }
        // Room for a topic and a trace context, and for payloads a little too large, which become dead letters. Not for
        // more: libmosquitto reads all properties before anybody can refuse them.
        mqtt.maxPacketBytes = min(maxPayloadBytes + (64 << 10), MQTTConfiguration.maxPacketByteCount)
        mqtt.keepAlive = settings.duration(.mqttKeepAlive, in: .seconds(5)...(.seconds(65_535)))
        mqtt.sessionExpiry = settings.duration(.mqttSessionExpiry, in: .zero...(.seconds(4_294_967_294)))
        mqtt.receiveMaximum = settings.integer(.mqttReceiveMaximum, in: 1...IngestStore.Configuration.maxReceiveMaximum)
        mqtt.batchInterval = settings.duration(.mqttBatchInterval, in: .zero...(.seconds(1)))
        configureTLS(&mqtt, &settings)
        configureStatus(&mqtt, &settings)
        mqtt.subscriptions = subscriptions(to: routes, &settings)
        mqtt.subscriptions += statusRoutes.filters(for: routes, besides: mqtt.subscriptions.map(\.filter))
            .map { MQTTSubscription(filter: $0) }
        mqtt.subscriptions += clockSubscription(&settings)
        if settings.errors.count == errorCount { validate(mqtt, &settings) }
        return mqtt
    }

    /// What is left to check is about the client id or the broker's address.
    private static func validate(_ mqtt: MQTTConfiguration, _ settings: inout SettingsReader) {
        do throws(MQTTError) {
            try mqtt.validate()
        } catch {
            let isClientID = !(1...256).contains(mqtt.clientID.utf8.count)
            settings.fail(isClientID ? .mqttClientID : .mqttURL, "\(error)", instead: ())
        }
    }

    private static func configureTLS(_ mqtt: inout MQTTConfiguration, _ settings: inout SettingsReader) {
        let options: [ConfigurationOption] = [.mqttCAFile, .mqttCertificateFile, .mqttKeyFile]
        for option in options {
            guard let path = settings.text(option) else { continue }
            if mqtt.tls == nil {
                settings.fail(option, "A file for TLS needs an mqtts:// URL in mqtt.url.", instead: ())
            } else if !FileManager.default.isReadableFile(atPath: path) {
                settings.fail(option, "The file \(path) cannot be read.", instead: ())
            }
        }
        guard mqtt.tls != nil else { return }
        let tls = MQTTTLSConfiguration(
            caFile: settings.text(.mqttCAFile),
            certificateFile: settings.text(.mqttCertificateFile),
            keyFile: settings.text(.mqttKeyFile))
        if tls.certificateFile == nil, tls.keyFile != nil {
            settings.fail(.mqttKeyFile, "A key needs its certificate: mqtt.certificate_file.", instead: ())
        } else if tls.certificateFile != nil, tls.keyFile == nil {
            settings.fail(.mqttCertificateFile, "A certificate needs its key: mqtt.key_file.", instead: ())
        }
        mqtt.tls = tls
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

    /// Devices' requests for the time; of the gateways of a share group one answers each.
    private static func clockSubscription(_ settings: inout SettingsReader) -> [MQTTSubscription] {
        guard settings.flag(.clockExchange) else { return [] }
        let group = settings.text(.mqttShareGroup).map { "$share/\($0)/" } ?? ""
        guard let filter = try? TopicFilter(group + ClockTopics.requests) else { return [] }
        return [MQTTSubscription(filter: filter, qos: .atMostOnce, isOptional: true)]
    }

    /// What the routes need, as a member of the share group where the route names none of its own.
    private static func subscriptions(
        to routes: [TopicRoute], _ settings: inout SettingsReader
    ) -> [MQTTSubscription] {
        let group = settings.text(.mqttShareGroup)
        // MQTT 5, section 4.8.2.
        if let group, group.contains(where: { "/+#".contains($0) }) {
            settings.fail(.mqttShareGroup, "\"\(group)\" is not a group's name: no /, + or #.", instead: ())
            return []
        }
        return routes.compactMap { route in
            let qos: MQTTQoS = route.qos == 0 ? .atMostOnce : .atLeastOnce
            guard let group, route.filter.shareGroup == nil else {
                return MQTTSubscription(filter: route.filter, qos: qos)
            }
            do throws(TopicFilterError) {
                return MQTTSubscription(filter: try TopicFilter("$share/\(group)/\(route.filter)"), qos: qos)
            } catch {
                return settings.fail(.mqttShareGroup, "\(error)", instead: nil)
            }
        }
    }
}
