import ChildProcesses
import Foundation
import TestSupport
import Testing

/// The latency page and the trace of a chart point, with the demo and without a collector.
@Suite("Latency in a browser", .serialized)
struct LatencyPageTests {
    private static let isOpen = "document.documentElement.dataset.connection === 'open'"

    @Test("The page shows percentiles of every hop, the slowest traces, and one from the device to the paint")
    func page() async throws {
        let demo = try DemoProcess()
        let url = try await demo.waitForURL()
        let dashboard = try await WebDriver.start(width: 1440, height: 900)
        try await dashboard.navigate(to: url.absoluteString)
        try await dashboard.waitUntil(Self.isOpen, within: .seconds(30))

        // The dashboard stays open because it reports the paint spans.
        let browser = try await WebDriver.start(width: 1280, height: 900)
        try await browser.navigate(to: url.absoluteString.replacing("/#", with: "/latency.html#"))
        for hop in ["device", "process", "fan_out", "network", "paint", "end_to_end"] {
            try await browser.waitUntil(
                """
                (() => { const row = document.querySelector('#hop-table tr[data-hop="\(hop)"]');
                    return row !== null && /[1-9]/.test(row.textContent) })()
                """, within: .seconds(60))
        }
        try await browser.waitUntil("document.documentElement.dataset.view === 'latency'")
        try await browser.find("#pause").click()
        try await browser.waitUntil("document.querySelectorAll('#traces button[data-trace-id]').length > 3")
        // The dashboard has reported spans for the newest traces in the list; at least one of them is complete.
        let rows = "[...document.querySelectorAll('.waterfall-row')]"
        let count = Int(
            try await browser.execute("return document.querySelectorAll('#traces button').length").number ?? 0)
        var services: Set<String> = []
        for index in 0..<min(count, 10) where services.count < 3 {
            _ = try await browser.execute("document.querySelectorAll('#traces button')[\(index)].click()")
            try await browser.waitUntil(
                """
                document.querySelector('#trace').dataset.traceId
                    === document.querySelectorAll('#traces button')[\(index)].dataset.traceId && \(rows).length > 0
                """)
            let found = try await browser.execute("return \(rows).map(row => row.dataset.service)").array ?? []
            services = Set(found.compactMap(\.string))
        }
        #expect(services == ["windsock-device", "windsock-gateway", "windsock-browser"])
        _ = try await browser.screenshot(to: try Self.picture("latency"))

        try await browser.setViewport(width: 390, height: 844, isPhone: true)
        try await browser.emulateMedia(dark: true)
        let fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        #expect(try await browser.execute("return \(fits)").bool == true)
        _ = try await browser.screenshot(to: try Self.picture("latency-phone"))
        for page in [browser, dashboard] {
            let problems = try await page.consoleLog().filter { $0.level == "SEVERE" }
            #expect(problems.isEmpty, "\(problems)")
            await page.quit()
        }
        try await demo.process.terminate()
    }

    @Test("A chart's point shows its latency breakdown, also by keyboard")
    func messageTrace() async throws {
        let demo = try DemoProcess()
        let url = try await demo.waitForURL()
        let browser = try await WebDriver.start(width: 1280, height: 900)
        try await browser.navigate(to: url.absoluteString)
        try await browser.waitUntil(Self.isOpen, within: .seconds(30))
        // More points than the 50 devices of a panel had before the page was opened.
        let busy = """
            [...document.querySelectorAll('[data-panel][data-points]')]
                .find(panel => Number(panel.dataset.points) > 160 && panel.querySelector('.chart-plot'))
            """
        try await browser.waitUntil("\(busy) !== undefined", within: .seconds(60))
        // The chart's initial points have no trace here. Wait until every device has sent a newer one.
        _ = try await browser.execute("window.opened = Number(\(busy).dataset.points)")
        try await browser.waitUntil("Number(\(busy).dataset.points) > window.opened + 150", within: .seconds(60))
        _ = try await browser.execute("\(busy).querySelector('.chart-plot').focus()")
        try await browser.press(WebDriver.Key.left, WebDriver.Key.enter)
        try await browser.waitUntil("document.querySelector('dialog#journey')?.open === true")
        try await browser.waitUntil("document.querySelector('dialog#journey').dataset.source !== 'page'")
        let note = try await browser.execute("return document.querySelector('dialog#journey').textContent").string
        let source = try await browser.execute("return document.querySelector('dialog#journey').dataset.source").string
        #expect(source == "trace", "\(note ?? "")")
        #expect(
            try await browser.execute(
                "return document.querySelectorAll('dialog#journey .waterfall-row').length"
            ).number ?? 0 >= 5)
        _ = try await browser.screenshot(to: try Self.picture("journey"))
        await browser.quit()
        try await demo.process.terminate()
    }

    /// Returns the path of a screenshot, kept for inspection.
    private static func picture(_ name: String) throws -> URL {
        let folder = try PackageRoot.directory.appending(path: ".build/screenshots")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.appending(path: "\(name).png")
    }
}
