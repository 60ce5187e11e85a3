import Core
import MQTTTransport
import Services
import Telemetry

extension GatewayConfiguration {
    private enum EntityMode: String, CaseIterable {
        case on
        case off
    }

    /// The routes and subscriptions to which those of announced entities are added.
    var entityBase: EntityDiscovery.Base {
        EntityDiscovery.Base(routes: routes, statusRoutes: statusRoutes, subscriptions: mqtt.subscriptions)
    }

    /// Reads the settings of Home Assistant's discovery; `nil` when it is off.
    static func entities(
        _ settings: inout SettingsReader, routes: [TopicRoute]
    ) -> EntityDiscovery.Configuration? {
        let mode = settings.choice(.homeAssistant, EntityMode.allCases.map { ($0.rawValue, $0) }, fallback: .off)
        let prefix = settings.text(.homeAssistantPrefix) ?? ""
        guard prefix.utf8.count <= 256, prefix.utf8.first != UInt8(ascii: "$"), (try? TopicName(prefix)) != nil else {
            return settings.fail(
                .homeAssistantPrefix,
                "\(Excerpt(of: prefix)) is not valid; allowed: 1 to 256 bytes without + or #, not beginning with $",
                instead: nil)
        }
        guard mode == .on else { return nil }
        guard let room = routes.lazy.map(\.room).first(where: \.isOfDevice) else {
            return settings.fail(
                .homeAssistant, "no route has a room made of {device} alone, such as sensors/{device}", instead: nil)
        }
        let own = [settings.text(.mqttStatusTopic), ClockTopics.requests, ClockTopics.responses].compactMap(\.self)
        return EntityDiscovery.Configuration(
            prefix: prefix, room: room, shareGroup: settings.text(.mqttShareGroup),
            reserved: own.compactMap { try? TopicFilter($0) })
    }
}

extension RoomTemplate {
    /// True if the only capture is `{device}`.
    fileprivate var isOfDevice: Bool {
        levels.contains(.capture("device"))
            && levels.allSatisfy { if case .capture(let name) = $0 { name == "device" } else { true } }
    }
}
