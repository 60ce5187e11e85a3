import ChildProcesses
import Foundation
import TestSupport
import Testing

/// A greenhouse overheats: viewers of its chart and recipients of the rule see the alert, act on it, and see it end.
@Suite("Alerts in a browser", .serialized)
struct AlertTests {
    /// A device file for a greenhouse at a fixed temperature. The test decides when it heats up.
    private static func device(celsius: Int) -> String {
        """
        device: greenhouse-1
        topic: sensors/{device}
        convention: json
        interval: 500ms
        units: true
        metrics:
          temperature:
            unit: °C
            waveform:
              - constant: \(celsius)
        """
    }
    private static let rule = """
        - name: greenhouse-too-hot
          title: Greenhouse too hot
          metric: temperature
          devices: greenhouse-*
          above: 30
          for: 1s
          severity: critical
          notify: {users: [ada], rooms: [chat/lobby]}
          message: "{device} has {value} {unit}"
        """

    @Test("An overheating greenhouse shows a toast, the bell, a band and the list, until acknowledged and resolved")
    func overheats() async throws {
        let folder = try TemporaryFolder()
        try folder.write(Self.rule, to: "rules.yaml")
        let data = try TemporaryFolder()
        let warm = try data.write(Self.device(celsius: 24), to: "warm.yaml")
        let hot = try data.write(Self.device(celsius: 34), to: "hot.yaml")
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: data.url, arguments: ["--set", "alerts_dir=\(folder.url.path)"])
        try await gateway.waitUntilReady()
        func simulate(_ device: String) throws -> ChildProcess {
            try ChildProcess(
                try PackageRoot.executable.path, ["simulate", device, "--mqtt-url", broker.url, "--quiet"])
        }
        var simulator = try simulate(warm)
        let token = try await GatewayProcess.token(user: "ada", join: ["sensors/#", "chat/#"])
        try await eventually("some readings are stored", within: .seconds(30)) {
            let answer = try await HTTPClientLite.get(
                "\(gateway.url)/api/readings?device=greenhouse-1", headers: [("Authorization", "Bearer \(token)")])
            return try answer.json["series"]?.array?.first?["points"]?.array?.count ?? 0 > 8
        }

        let browser = try await WebDriver.start(width: 1280, height: 900)
        try await browser.navigate(to: "\(gateway.url)/?dashboard=greenhouse#token=\(token)")
        let chart = "document.querySelector('[data-panel=\"chart\"][data-points]')"
        // More points than can have arrived since: the chart opens with its history.
        try await browser.waitUntil("\(chart) !== null && Number(\(chart).dataset.points) > 8", within: .seconds(20))

        try await simulator.terminate()
        simulator = try simulate(hot)
        try await browser.waitUntil(
            "document.querySelector('.toast')?.textContent.includes('Greenhouse too hot')",
            within: .seconds(60))
        #expect(
            try await browser.execute("return document.querySelector('.toast').textContent").string?
                .contains("greenhouse-1 has 34 °C") == true)
        try await browser.waitUntil("document.querySelector('#bell-count').textContent === '1'")
        try await browser.waitUntil("document.querySelectorAll('.alert-band').length === 1")
        try await browser.waitUntil("document.querySelector('#alerts-count').textContent === '1'")
        try await browser.find("#alerts-toggle").click()
        let row = "document.querySelector('.alert-row')"
        try await browser.waitUntil("\(row)?.dataset.state === 'firing'")
        try await browser.find(".alert-ack").click()
        try await browser.waitUntil("\(row).dataset.acknowledged === 'true'")
        _ = try await browser.screenshot(to: try Self.picture("alert-firing"))

        try await simulator.terminate()
        simulator = try simulate(warm)
        try await browser.waitUntil("\(row).dataset.state === 'resolved'", within: .seconds(60))
        try await browser.waitUntil("document.querySelector('#alerts-count').hidden")
        #expect(
            try await browser.execute("return document.querySelectorAll('.alert-band').length").number == 1,
            "the band is kept")
        try await browser.find("#chat-toggle").click()
        try await browser.waitUntil("document.querySelectorAll('.chat-alert').length >= 2")
        try await browser.waitUntil("document.querySelector('.chat-alert').dataset.state === 'firing'")
        _ = try await browser.screenshot(to: try Self.picture("alert-resolved"))

        let alert = try #require(try await browser.execute("return \(row).dataset.alertId").string)
        try await browser.navigate(to: "\(gateway.url)/?dashboard=greenhouse&range=1h&alert=\(alert)")
        try await browser.waitUntil(
            "document.querySelector('.alert-row[aria-current]')?.dataset.alertId === '\(alert)'")
        try await browser.waitUntil("document.querySelectorAll('.alert-band').length >= 1", within: .seconds(20))
        try await browser.setViewport(width: 390, height: 844, isPhone: true)
        try await browser.emulateMedia(dark: true)
        _ = try await browser.screenshot(to: try Self.picture("alert-phone"))
        let problems = try await browser.consoleLog().filter { $0.level == "SEVERE" }
        #expect(problems.isEmpty, "\(problems)")
        await browser.quit()
        try await simulator.terminate()
    }

    private static func picture(_ name: String) throws -> URL {
        let folder = try PackageRoot.directory.appending(path: ".build/screenshots")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.appending(path: "\(name).png")
    }
}
