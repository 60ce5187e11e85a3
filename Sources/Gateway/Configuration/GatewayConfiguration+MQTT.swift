import Core
import Foundation
import MQTTTransport
import Services
import Telemetry

extension GatewayConfiguration {
    /// Payloads of the gateway's status topic.
    static let onlinePayload = Array("online".utf8)
    static let offlinePayload = Array("offline".utf8)

    /// The client id that means "none configured". ``Gateway`` replaces it with a generated id that is kept in the data
    /// directory. A setting cannot be blank, so no configured id equals it.
    static let unsetClientID = " "

    static func mqtt(
        _ settings: inout SettingsReader, routes: [TopicRoute], addedDefaults: [TopicRoute],
        statusRoutes: [StatusRoute], maxPayloadBytes: Int
    ) -> MQTTConfiguration {
        let problemCount = settings.problems.count
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
                settings.fail(option, "a password requires a user name in mqtt.username or mqtt.url", instead: ())
            }
        }
        // The 64 KiB leave room for a topic and a trace context, and for slightly oversized payloads, which become dead
        // letters. A larger limit would be unsafe: libmosquitto reads all properties before they can be refused.
        mqtt.maxPacketBytes = min(maxPayloadBytes + (64 << 10), MQTTConfiguration.maxPacketByteCount)
        mqtt.keepAlive = settings.duration(.mqttKeepAlive, in: .seconds(5)...(.seconds(65_535)))
        mqtt.sessionExpiry = settings.duration(.mqttSessionExpiry, in: .zero...(.seconds(4_294_967_294)))
        mqtt.receiveMaximum = settings.integer(.mqttReceiveMaximum, in: 1...IngestStore.Configuration.maxReceiveMaximum)
        mqtt.batchInterval = settings.duration(.mqttBatchInterval, in: .zero...(.seconds(1)))
        configureTLS(&mqtt, &settings)
        configureStatus(&mqtt, &settings)
        mqtt.subscriptions = subscriptions(to: routes, addedDefaults: addedDefaults, &settings)
        mqtt.subscriptions += statusRoutes.filters(for: routes, besides: mqtt.subscriptions.map(\.filter))
            .map { MQTTSubscription(filter: $0) }
        mqtt.subscriptions += clockSubscription(&settings)
        if settings.problems.count == problemCount { validate(mqtt, &settings) }
        return mqtt
    }

    /// Validates the finished configuration, whose settings are valid one by one. An error now concerns the client id
    /// or the broker's address.
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
                settings.fail(option, "a TLS file requires an mqtts:// URL in mqtt.url", instead: ())
            } else if !FileManager.default.isReadableFile(atPath: path) {
                settings.fail(option, "the file \(path) cannot be read", instead: ())
            }
        }
        guard mqtt.tls != nil else { return }
        let tls = MQTTTLSConfiguration(
            caFile: settings.text(.mqttCAFile),
            certificateFile: settings.text(.mqttCertificateFile),
            keyFile: settings.text(.mqttKeyFile))
        if tls.certificateFile == nil, tls.keyFile != nil {
            settings.fail(.mqttKeyFile, "a key requires its certificate in mqtt.certificate_file", instead: ())
        } else if tls.certificateFile != nil, tls.keyFile == nil {
            settings.fail(.mqttCertificateFile, "a certificate requires its key in mqtt.key_file", instead: ())
        }
        mqtt.tls = tls
    }

    private static func configureStatus(_ mqtt: inout MQTTConfiguration, _ settings: inout SettingsReader) {
        let text = settings.text(.mqttStatusTopic) ?? ""
        guard (try? TopicName(text)) != nil else {
            return settings.fail(
                .mqttStatusTopic, "\"\(text)\" is not a valid topic; allowed: 1 to 65535 bytes without + or #",
                instead: ())
        }
        let online = MQTTPublication(topic: text, payload: onlinePayload, qos: .atLeastOnce, retain: true)
        let offline = MQTTPublication(topic: text, payload: offlinePayload, qos: .atLeastOnce, retain: true)
        mqtt.birth = online
        mqtt.lastWill = offline
        mqtt.farewell = offline
    }

    /// Returns the subscription to devices' clock requests; empty when the exchange is off. In a share group, only one
    /// gateway answers each request.
    private static func clockSubscription(_ settings: inout SettingsReader) -> [MQTTSubscription] {
        guard settings.flag(.clockExchange) else { return [] }
        let group = settings.text(.mqttShareGroup).map { "$share/\($0)/" } ?? ""
        guard let filter = try? TopicFilter(group + ClockTopics.requests) else { return [] }
        return [MQTTSubscription(filter: filter, qos: .atMostOnce, isOptional: true)]
    }

    /// Returns the subscriptions for the routes. Routes without a share group of their own use `mqtt.share_group`. Only
    /// default routes that nobody configured are optional.
    private static func subscriptions(
        to routes: [TopicRoute], addedDefaults: [TopicRoute], _ settings: inout SettingsReader
    ) -> [MQTTSubscription] {
        let group = settings.text(.mqttShareGroup)
        // MQTT 5, section 4.8.2.
        if let group, group.contains(where: { "/+#".contains($0) }) {
            settings.fail(
                .mqttShareGroup, "\"\(group)\" is not a valid group name; allowed: a name without /, + or #",
                instead: ())
            return []
        }
        let optional = Set(TopicRoute.conventionDefaults).intersection(addedDefaults)
        return routes.compactMap { route in
            let qos: MQTTQoS = route.qos == 0 ? .atMostOnce : .atLeastOnce
            let isOptional = optional.contains(route)
            guard let group, route.filter.shareGroup == nil else {
                return MQTTSubscription(filter: route.filter, qos: qos, isOptional: isOptional)
            }
            do throws(TopicError) {
                return MQTTSubscription(
                    filter: try TopicFilter("$share/\(group)/\(route.filter)"), qos: qos, isOptional: isOptional)
            } catch {
                return settings.fail(.mqttShareGroup, "\(error)", instead: nil)
            }
        }
    }

    /// Returns the time without messages after which a device is offline; `nil` when the setting is `off`.
    static func offlineAfter(_ settings: inout SettingsReader) -> Duration? {
        if settings.text(.offlineAfter) == "off" { return nil }
        return settings.duration(.offlineAfter, in: .seconds(1)...(.seconds(365 * 86_400)))
    }

    /// Returns the routes of readings and of statuses. Without configured routes, and with `default_routes`, they include
    /// the default routes, which come last and are also returned as `addedDefaults`. A configured route replaces the
    /// default of the same pattern.
    static func routes(
        _ settings: inout SettingsReader, _ file: ConfigurationFile?
    ) -> (readings: [TopicRoute], addedDefaults: [TopicRoute], statuses: [StatusRoute]) {
        let keepsDefaults = file?.keepsDefaultRoutes == true
        let own = file?.routes ?? []
        let addsDefaults = file?.routes == nil || keepsDefaults
        let defaults =
            addsDefaults
            ? TopicRoute.defaults.filter { route in !own.contains { $0.pattern == route.pattern } } : []
        let routes = own + defaults
        let hasDefaults = keepsDefaults || routes == TopicRoute.defaults
        return (routes, defaults, statusRoutes(&settings, routes: routes, hasDefaults: hasDefaults))
    }

    /// Returns the status topics of devices. Each must lead to a room that a route publishes readings to.
    ///
    /// With the default routes, the default is all well-known status topics. With other routes, it is only those that a
    /// route subscribes to anyway, because the broker may refuse a subscription that the user did not configure.
    private static func statusRoutes(
        _ settings: inout SettingsReader, routes: [TopicRoute], hasDefaults: Bool
    ) -> [StatusRoute] {
        if settings.text(.statusTopics) == ConfigurationOption.statusTopics.defaultValue {
            guard !hasDefaults else { return StatusRoute.defaults }
            return StatusRoute.defaults.filter { status in routes.contains { $0.filter.covers(status.filter) } }
        }
        let texts = (settings.text(.statusTopics) ?? "").split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        return texts.compactMap { text in
            do throws(TopicError) {
                let route = try StatusRoute(pattern: text)
                guard !route.rooms(of: routes).isEmpty else {
                    return settings.fail(
                        .statusTopics, "no route has a room that can be derived from the captures of \"\(text)\"",
                        instead: nil)
                }
                return route
            } catch {
                return settings.fail(.statusTopics, "\(error)", instead: nil)
            }
        }
    }
}
