import Foundation
import TestSupport
import Testing

/// The first steps with a gateway that knows nothing yet: the empty dashboard, and the topics that no route takes.
@Suite("Empty gateway and topics in a browser", .serialized)
struct TopicsPageTests {
    @Test("An empty dashboard names the broker, then shows the first reading; the topics page suggests a route")
    func firstReading() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let gateway = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder.url)
        try await gateway.waitUntilReady()
        let token = try await GatewayProcess.token(join: ["#"])
        let publisher = try await Publisher(port: broker.port)
        let browser = try await WebDriver.start(width: 1280, height: 900)
        try await browser.navigate(to: "\(gateway.url)/?dashboard=overview#token=\(token)")
        let command = "document.querySelector('[data-testid=empty-command]').textContent"
        try await browser.waitUntil("!document.getElementById('empty').hidden", within: .seconds(30))
        try await browser.waitUntil(
            "\(command) === 'mosquitto_pub -h 127.0.0.1 -p \(broker.port) -t sensors/greenhouse-1/temperature -m 21.5'")
        _ = try await browser.screenshot(to: try Self.picture("empty-desktop"))

        // A device that no panel of the dashboard shows.
        try await publisher.publish(Array("21.5".utf8), to: "sensors/kitchen/temperature")
        try await browser.waitUntil(
            "document.querySelector('[data-testid=empty-readings]').textContent.includes('kitchen Temperature 21.5')")
        _ = try await browser.screenshot(to: try Self.picture("empty-readings"))

        try await publisher.publish(Array("21.5".utf8), to: "sensors/greenhouse-1/temperature")
        try await browser.waitUntil("document.getElementById('empty').hidden", within: .seconds(20))
        try await browser.waitUntil(
            "document.querySelector('[data-device=greenhouse-1][data-metric=temperature]')?.dataset.value === '21.5'",
            within: .seconds(20))

        for (topic, payload) in [
            ("home/kitchen/temp", "21.5"), ("home/bath/temp", "22"), ("home/bath/note", "open the window"),
            ("garden/camera", "\u{0}\u{1}\u{2}"),
            ("farm/probe-1/report", #"{"ground":{"soil":31.5}}"#),
        ] {
            try await publisher.publish(Array(payload.utf8), to: topic, retain: true)
        }
        try await browser.navigate(to: "\(gateway.url)/topics.html")
        try await browser.waitUntil(
            "document.querySelectorAll('[data-testid=patterns] > li').length === 4", within: .seconds(20))
        let card = "document.querySelector('[data-pattern=\"home/+/temp\"]')"
        let route = try await browser.execute(
            "return \(card).querySelector('[data-testid=suggestion] code').textContent")
        #expect(route.string == #"- topic: "home/{device}/{metric}""#)
        try await browser.execute("\(card).querySelector('details').open = true")
        _ = try await browser.screenshot(to: try Self.picture("topics-desktop"))
        try await browser.find("[data-pattern='home/+/temp'] .copy-button").click()
        try await browser.waitUntil("/Copied|Selected/.test(\(card).querySelector('.copy-button').textContent)")
        try await browser.find("#filter").type("camera")
        try await browser.waitUntil(
            "[...document.querySelectorAll('[data-testid=patterns] > li')].filter(card => !card.hidden).length === 1")
        let problems = try await browser.consoleLog().filter { $0.level == "SEVERE" }
        #expect(problems.isEmpty, "\(problems)")

        let phone = try await WebDriver.start(width: 390, height: 844)
        try await phone.navigate(to: "\(gateway.url)/topics.html#token=\(token)")
        try await phone.waitUntil(
            "document.querySelectorAll('[data-testid=patterns] > li').length === 4", within: .seconds(20))
        let fits = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        #expect(try await phone.execute(fits).bool == true)
        try await phone.execute("document.documentElement.dataset.theme = 'dark'")
        _ = try await phone.screenshot(to: try Self.picture("topics-phone-dark"))
        await phone.quit()
        await publisher.stop()
        await browser.quit()
        try await gateway.process.terminate()
    }

    /// Returns the path of a screenshot, kept for inspection.
    private static func picture(_ name: String) throws -> URL {
        let folder = try PackageRoot.directory.appending(path: ".build/screenshots")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.appending(path: "\(name).png")
    }
}
