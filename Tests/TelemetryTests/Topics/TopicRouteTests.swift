import Testing

@testable import Core
@testable import Telemetry

@Suite("A route captures levels of the topic")
struct TopicRouteTests {
    @Test("A capture is one level, and a '+' in the subscription")
    func captures() throws {
        let route = try TopicRoute(pattern: "buildings/{site}/{device}/{metric}", room: "sensors/{site}/{device}")
        #expect(route.filter.rawValue == "buildings/+/+/+")
        #expect(route.captureNames == ["site", "device", "metric"])
        #expect(
            route.captures(in: "buildings/north/d1/temperature")
                == ["site": "north", "device": "d1", "metric": "temperature"])
        #expect(route.captures(in: "buildings/north/d1") == nil)
        #expect(route.captures(in: "buildings/north/d1/t/x") == nil)
        #expect(route.captures(in: "buildings//d1/t") == nil)
    }

    @Test("Wildcards and shared subscriptions may be combined with captures")
    func wildcards() throws {
        let route = try TopicRoute(pattern: "$share/gw/+/{device}/#")
        #expect(route.filter.rawValue == "$share/gw/+/+/#")
        #expect(route.filter.shareGroup == "gw")
        #expect(route.captures(in: "x/d1") == ["device": "d1"])
        #expect(route.captures(in: "x/d1/y/z") == ["device": "d1"])
        #expect(route.captures(in: "$SYS/d1") == nil)
    }

    @Test("The defaults are the documented routes")
    func defaults() {
        let own = Array(TopicRoute.defaults.prefix(5))
        #expect(
            own.map(\.pattern) == [
                "sensors/{device}/{metric}", "sensors/{device}", "devices/{device}/telemetry", "tele/{device}/SENSOR",
                "zigbee2mqtt/{device}",
            ])
        #expect(own.allSatisfy { $0.convention == .auto })
        #expect(
            TopicRoute.conventionDefaults.map { "\($0.pattern) \($0.convention.rawValue)" } == [
                "tele/{device}/STATE tasmota", "stat/{device}/STATUS8 tasmota", "stat/{device}/STATUS10 tasmota",
                "stat/{device}/STATUS11 tasmota", "zigbee2mqtt/# zigbee2mqtt", "shellies/{device}/# shelly",
                "v3/+/devices/{device}/up ttn", "application/+/device/{device}/event/up chirpstack",
                "owntracks/+/+ owntracks", "telegraf/{device}/+ auto", "homeassistant/sensor/{device}/state auto",
                "homeassistant/binary_sensor/{device}/state auto", "homeassistant/switch/{device}/state auto",
                "{device}/events/rpc shelly", "{device}/status/+ shelly", "{device}/sensor/{metric}/state esphome",
                "{device}/binary_sensor/{metric}/state esphome", "{device}/switch/{metric}/state esphome",
            ])
        #expect(TopicRoute.defaults == own + TopicRoute.conventionDefaults)
        #expect(TopicRoute.defaults.allSatisfy { $0.qos == 1 && !$0.convertsFahrenheit && !$0.allowsForeignDevices })
        #expect(TopicRoute.defaults.telemetryRoots == ["sensors"])
    }

    @Test("The levels that a final '#' stands for are known to the decoder")
    func rest() throws {
        let route = try TopicRoute(pattern: "home/{site}/#")
        #expect(route.rest(of: "home/north/kitchen/lamp") == "kitchen/lamp")
        #expect(route.rest(of: "home/north") == nil)
        #expect(try TopicRoute(pattern: "home/{site}").rest(of: "home/north") == nil)
        #expect(try TopicRoute(pattern: "#").rest(of: "a/b") == "a/b")
    }

    @Test("The telemetry roots are the first levels of the rooms")
    func telemetryRoots() throws {
        let routes = [
            try TopicRoute(pattern: "a/{device}", room: "plant/{device}"), try TopicRoute(pattern: "b/{device}"),
        ]
        #expect(routes.telemetryRoots == ["plant", "sensors"])
    }

    @Test(
        "An invalid route is rejected with the reason",
        arguments: [
            ("sensors/{device", "sensors/{device}", 1, TopicError.Problem.badCapture("{device")),
            ("sensors/x{device}", "sensors/{device}", 1, .badCapture("x{device}")),
            ("sensors/{}", "sensors/{device}", 1, .badCapture("{}")),
            ("sensors/{a b}", "sensors/{device}", 1, .badCapture("{a b}")),
            ("{device}/{device}", "sensors/{device}", 1, .duplicateCapture("device")),
            ("sensors/#/{device}", "sensors/{device}", 1, .multiLevelNotLast),
            ("", "sensors/{device}", 1, .empty),
            (
                "a/{device}", "sensors/{site}", 1,
                .badRoom("sensors/{site}", "uses {site}, which the topic does not capture")
            ),
            ("a/{device}", "", 1, .badRoom("", "has an empty level")),
            (
                "a/{device}", "{device}/x", 1,
                .badRoom("{device}/x", "must begin with a plain-text level other than 'users' and '$…'")
            ),
            (
                "a/{device}", "users/{device}", 1,
                .badRoom("users/{device}", "must begin with a plain-text level other than 'users' and '$…'")
            ),
            (
                "a/{device}", "sensors/+", 1,
                .badRoom("sensors/+", "has the level '+'; allowed: plain text or a capture such as {device}")
            ),
            ("a/{device}", "sensors/{device}", 2, .badQoS(2)),
            ("a/{device}", "sensors/{device}", -1, .badQoS(-1)),
        ])
    func refuses(pattern: String, room: String, qos: Int, problem: TopicError.Problem) {
        #expect(throws: TopicError(.route, pattern, problem)) {
            try TopicRoute(pattern: pattern, room: room, qos: qos)
        }
    }

    @Test("The error for QoS 2 explains the alternatives")
    func explainsQoS2() {
        let error = TopicError(.route, "a/{device}", .badQoS(2))
        #expect(error.description.contains("At QoS 1, the broker also delivers"))
        #expect(error.description.contains("'a/{device}'"))
    }
}
