import ChildProcesses
import Foundation
import TestSupport
import Testing

/// A chart is zoomed into, shared, saved and reset while readings keep arriving.
@Suite("Charts in a browser", .serialized)
struct ChartTests {
    private static let device = """
        device: greenhouse-1
        topic: sensors/{device}
        convention: json
        interval: 250ms
        units: true
        metrics:
          temperature:
            unit: °C
            waveform:
              - sine: {amplitude: 4, period: 20s}
              - constant: 22
        """
    private static let rule = """
        - {name: too-hot, metric: temperature, devices: greenhouse-*, above: 30, severity: critical, notify: {users: [ada]}}
        """

    @Test("A drag chooses a range for all charts and the URL; CSV has that range; Escape returns to live readings")
    func zoom() async throws {
        let rules = try TemporaryFolder()
        try rules.write(Self.rule, to: "rules.yaml")
        let data = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, dataDirectory: data.url, arguments: ["--set", "alerts_dir=\(rules.url.path)"])
        try await gateway.waitUntilReady()
        let simulator = try ChildProcess(
            try PackageRoot.executable.path,
            ["simulate", try data.write(Self.device, to: "device.yaml"), "--mqtt-url", broker.url, "--quiet"])
        let token = try await GatewayProcess.token(user: "ada")
        let browser = try await WebDriver.start(width: 1280, height: 900)
        let downloads = try TemporaryFolder()
        try await browser.devTools(
            "Browser.setDownloadBehavior", ["behavior": "allow", "downloadPath": .string(downloads.url.path)])
        try await browser.navigate(to: "\(gateway.url)/?dashboard=greenhouse#token=\(token)")
        try await browser.waitUntil("Number(\(Self.chart)?.dataset.points) > 40", within: .seconds(60))
        // The limit of the rule came with the history.
        try await browser.waitUntil(
            "\(Self.chart).querySelector('canvas').getAttribute('aria-label').includes('Critical above 30')")

        // At first a chart shows half a minute, whose end alone has readings.
        let plot = try await browser.find(".chart-plot")
        try await browser.drag(plot, from: (0.5, 0.5), to: (0.95, 0.6))
        try await browser.waitUntil("new URL(location).searchParams.has('from')")
        try await browser.waitUntil(
            "\(Self.chart).dataset.past === 'known' && Number(\(Self.chart).dataset.points) > 3")
        let range = try await browser.execute(
            "const query = new URL(location).searchParams; return [query.get('from'), query.get('to')]")
        let dates = try (range.array ?? []).compactMap(\.string).map {
            try Date($0, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: $0.contains(".")))
        }
        try #require(dates.count == 2)
        #expect(dates[0] < dates[1])
        #expect(
            try await browser.execute("return document.querySelector('.range[data-range=fixed]').ariaPressed").string
                == "true")
        _ = try await browser.screenshot(
            to: try PackageRoot.directory.appending(path: ".build/screenshots/zoomed.png"))

        try await browser.find("[data-testid=csv]").click()
        let table = try await Self.download(into: downloads.url)
        let lines = table.split(separator: "\r\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        #expect(lines.first?.joined(separator: ",") == "time,device,metric,value,unit")
        #expect(lines.count > 3)
        for line in lines.dropFirst() {
            #expect(line[1] == "greenhouse-1" && line[2] == "temperature" && line[4] == "°C")
            let time = try Date(String(line[0]), strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
            #expect(time >= dates[0] && time < dates[1])
        }

        // With Shift, a drag moves the range.
        try await browser.drag(plot, from: (0.4, 0.5), to: (0.6, 0.5), holding: WebDriver.Key.shift)
        let start = "Date.parse(new URL(location).searchParams.get('from'))"
        try await browser.waitUntil("\(start) < \(Int(dates[0].timeIntervalSince1970 * 1000))")

        // The address alone shows the same range.
        let shared = try await browser.url
        try await browser.navigate(to: "about:blank")
        try await browser.navigate(to: shared)
        try await browser.waitUntil("Number(\(Self.chart)?.dataset.points) > 3", within: .seconds(30))
        #expect(try await browser.url == shared)

        // Readings that arrived meanwhile are there after the reset.
        try await browser.execute("document.querySelector('.chart-plot').focus()")
        try await browser.press(WebDriver.Key.escape)
        try await browser.waitUntil("!new URL(location).searchParams.has('from')")
        try await browser.waitUntil("Number(\(Self.chart).dataset.points) > 20")
        let problems = try await browser.consoleLog().filter { $0.level == "SEVERE" }
        #expect(problems.isEmpty, "\(problems)")
        await browser.quit()
        try await simulator.terminate()
        try await gateway.process.terminate()
    }

    private static let chart = "document.querySelector('[data-panel=\"chart\"]')"

    /// Waits for the file that the browser saves into a folder, and returns its text.
    private static func download(into folder: URL) async throws -> String {
        var file: URL?
        try await eventually("the browser has saved a CSV file") {
            file = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
                .first { $0.pathExtension == "csv" }
            return file != nil
        }
        let saved = try #require(file)
        #expect(saved.lastPathComponent.hasPrefix("temperature_"))
        return try String(contentsOf: saved, encoding: .utf8)
    }
}
