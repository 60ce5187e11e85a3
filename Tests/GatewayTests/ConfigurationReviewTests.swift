import Foundation
import TestSupport
import Testing

@testable import Gateway

/// Settings that are valid but have no effect are warned about.
@Suite("Review of settings without effect")
struct ConfigurationReviewTests {
    private static let dashboard =
        "title: T\nrooms: [%]\npanels:\n- {type: value, title: V, devices: [d], metrics: [t]}\n"

    /// Returns the warnings for a configuration with one dashboard.
    private func warnings(_ yaml: String, rooms: String = "sensors/+") throws -> [String] {
        let folder = try TemporaryFolder()
        _ = try folder.write(Self.dashboard.replacing("%", with: "\"\(rooms)\""), to: "home.yaml")
        let sources = try SettingsFixture.sources(yaml, flags: ["dashboards_dir": folder.url.path])
        let configuration = try GatewayConfiguration(sources)
        return ConfigurationReview(configuration, file: sources.file)
            .warnings(try DashboardCatalog(directory: folder.url.path))
            .map { $0.replacing(folder.url.path, with: "dashboards") }
    }

    @Test("A route behind a wider one is never used")
    func shadowed() throws {
        let found = try warnings("routes:\n- topic: sensors/#\n- topic: sensors/{device}\n- topic: other/{device}\n")
        #expect(found.count == 1)
        #expect(
            found.first?.hasPrefix("windsock.yaml:3: topic: the route sensors/{device} is never used") == true,
            "\(found)")
        #expect(found.first?.contains("sensors/# (windsock.yaml:2)") == true)
        #expect(try warnings("routes:\n- topic: sensors/{device}\n- topic: sensors/#\n").isEmpty)
        #expect(try warnings("default_routes: true\nroutes:\n- topic: zigbee2mqtt/{device}\n").isEmpty)
    }

    @Test("A dashboard whose rooms no route fills stays empty")
    func emptyDashboard() throws {
        let yaml = "routes:\n- {topic: \"a/{site}/{device}\", room: \"plant/{site}/{device}\"}\n"
        #expect(
            try warnings(yaml) == [
                "dashboards/home.yaml: rooms: no route fills sensors/+; the rooms of the routes are plant/{site}/{device}"
            ])
        #expect(try warnings(yaml, rooms: "plant/north/+").isEmpty)
        #expect(try warnings(yaml, rooms: "#").isEmpty)
    }

    @Test("A rule for a metric that no route reads is found when all routes list their metrics")
    func unknownMetric() throws {
        let rules = "alerts:\n- {name: hot, metric: temp, above: 30}\n- {name: far, metric: imu.x, above: 1}\n"
        let listed = "routes:\n- topic: a/{device}\n  metrics: {temperature: t, imu: imu}\n"
        #expect(
            try warnings(listed + rules) == [
                "alert rule hot: metric: no route reads \"temp\"; the routes read imu, temperature"
            ])
        #expect(try warnings(listed + "- topic: b/{device}\n" + rules).isEmpty)
    }
}
