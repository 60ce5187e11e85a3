import Testing

@testable import Core
@testable import Telemetry

@Suite("Status routes determine the device and the subscriptions")
struct StatusRouteTests {
    private func texts(_ filters: [TopicFilter]) -> [String] { filters.map(\.rawValue) }

    @Test("The defaults are our own status topic, Tasmota's, Zigbee2MQTT's and Shelly's")
    func defaults() {
        #expect(
            StatusRoute.defaults.map(\.pattern) == [
                "sensors/{device}/status", "tele/{device}/LWT", "zigbee2mqtt/{device}/availability",
                "shellies/{device}/online",
            ])
    }

    @Test("Only status filters that no telemetry route covers are subscribed in addition")
    func filters() throws {
        #expect(texts(TelemetryDecoder().statusFilters) == ["tele/+/LWT"])
        let whole = [try TopicRoute(pattern: "sensors/{device}/#"), try TopicRoute(pattern: "tele/{device}/#")]
        #expect(
            texts(TelemetryDecoder(routes: whole).statusFilters)
                == ["zigbee2mqtt/+/availability", "shellies/+/online"])
        #expect(TelemetryDecoder(statusRoutes: []).statusFilters.isEmpty)
    }

    @Test("A shared subscription covers no status topic, because each gateway of the group needs the status")
    func shared() throws {
        let statusRoutes = [try StatusRoute(pattern: "sensors/{device}/status")]
        let filter = try TopicFilter("$share/g/sensors/+/+")
        #expect(
            texts(statusRoutes.filters(for: TopicRoute.defaults, besides: [filter])) == ["sensors/+/status"])
    }

    @Test("A status route uses the telemetry routes whose rooms its captures fill; without any, it is not subscribed")
    func rooms() throws {
        let routes = [
            try TopicRoute(pattern: "a/{site}/{device}", room: "plant/{site}/{device}"),
            try TopicRoute(pattern: "b/{device}"), try TopicRoute(pattern: "c/{device}"),
        ]
        let sited = try StatusRoute(pattern: "a/{site}/{device}/status")
        #expect(sited.rooms(of: routes).map(\.description) == ["plant/{site}/{device}", "sensors/{device}"])
        let plain = try StatusRoute(pattern: "b/{device}/status")
        #expect(plain.rooms(of: routes).map(\.description) == ["sensors/{device}"])
        #expect(plain.rooms(of: [routes[0]]).isEmpty)
        #expect([plain].filters(for: [routes[0]], besides: []).isEmpty)
    }

    @Test(
        "An invalid status topic is rejected, with what is allowed",
        arguments: [
            ("sensors/+/status", "the level {device}, such as sensors/{device}/status"),
            ("sensors/{device", "a capture must be a whole level"), ("", "is empty"),
        ])
    func refusals(pattern: String, message: String) throws {
        let error = try #require(throws: TopicError.self) { _ = try StatusRoute(pattern: pattern) }
        #expect(error.description.contains(message), "\(error)")
    }
}
