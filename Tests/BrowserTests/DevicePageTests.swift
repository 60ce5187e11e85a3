import Foundation
import TestSupport
import Testing

/// The pages of devices in a real browser, with data from the real demo.
@Suite("Devices in a browser", .serialized)
struct DevicePageTests {
    @Test("A tile leads to its device's page, which has live charts, history and the last message")
    func device() async throws {
        let demo = try DemoProcess()
        let url = try await demo.waitForURL()
        let browser = try await WebDriver.start(width: 1440, height: 1000)
        try await browser.navigate(to: url.absoluteString)
        let link = "[data-testid=tile][data-device='greenhouse-1'] .device-link"
        try await browser.waitFor(link, within: .seconds(30)).click()
        try await browser.waitUntil("location.search === '?device=greenhouse-1'")
        try await browser.waitUntil(
            "document.getElementById('dashboard-description').textContent.startsWith('Online since')",
            within: .seconds(30))
        try await browser.waitUntil(Self.chartsDraw, within: .seconds(30))
        let payload = "document.querySelector('[data-testid=device-message] pre').textContent"
        try await browser.waitUntil("\(payload).includes('temperature')", within: .seconds(30))

        try await browser.find("[data-range='1h']").click()
        try await browser.waitUntil(
            "[...document.querySelectorAll('[data-panel=chart]')].every(panel => panel.dataset.past === 'known')",
            within: .seconds(30))
        try await browser.waitUntil(Self.chartsDraw, within: .seconds(30))
        #expect(try await browser.execute("return location.search").string == "?device=greenhouse-1&range=1h")

        try await browser.execute("history.back()")
        try await browser.waitUntil("document.documentElement.dataset.place === 'dashboard'")
        try await browser.waitFor(link, within: .seconds(30))
        let problems = try await browser.consoleLog().filter { $0.level == "SEVERE" }
        #expect(problems.isEmpty, "\(problems)")
        await browser.quit()
        try await demo.process.terminate()
    }

    @Test("The list of all devices is searchable and live, and an unknown device is reported as such, on a phone")
    func devices() async throws {
        let demo = try DemoProcess()
        let url = try await demo.waitForURL()
        let browser = try await WebDriver.start(width: 390, height: 844)
        try await browser.navigate(to: url.absoluteString)
        try await browser.waitUntil("document.documentElement.dataset.connection === 'open'", within: .seconds(30))
        try await browser.waitFor("[data-testid=devices-link]", within: .seconds(30)).click()
        let rows = "document.querySelectorAll('[data-testid=device-row]')"
        try await browser.waitUntil("\(rows).length > 20", within: .seconds(30))
        let overflow = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        #expect(try await browser.execute("return \(overflow)").bool == true)

        try await browser.find("[data-testid=device-search]").type("greenhouse-1")
        try await browser.waitUntil("\(rows).length === 1")
        let values = "\(rows)[0].querySelector('.device-values').textContent"
        let before = try #require(try await browser.execute("return \(values)").string)
        try await browser.waitUntil("\(values) !== '\(before)'", within: .seconds(30))
        try await browser.find("[data-testid=device-row] .device-link").click()
        try await browser.waitUntil(Self.chartsDraw, within: .seconds(30))
        #expect(try await browser.execute("return \(overflow)").bool == true)

        try await browser.navigate(to: "http://127.0.0.1:\(try #require(url.port))/?device=nobody")
        let title = "document.getElementById('device-unknown-title').textContent"
        try await browser.waitUntil("\(title) === 'There is no device “nobody”'", within: .seconds(30))
        await browser.quit()
        try await demo.process.terminate()
    }

    private static let chartsDraw = """
        [...document.querySelectorAll('[data-panel=chart]')].some(panel => Number(panel.dataset.points) > 1)
        """
}
