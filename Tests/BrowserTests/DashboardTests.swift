import ChildProcesses
import Foundation
import TestSupport
import Testing

/// The dashboard page in a real browser, with data from the real demo.
@Suite("Dashboard in a browser", .serialized)
struct DashboardTests {
    @Test("The demo's URL opens a signed-in dashboard with live charts of the shipped devices")
    func liveCharts() async throws {
        let demo = try DemoProcess()
        let url = try await demo.waitForURL()
        let browser = try await WebDriver.start(width: 1440, height: 900)
        try await browser.navigate(to: url.absoluteString)
        try await browser.waitUntil("document.documentElement.dataset.connection === 'open'", within: .seconds(30))

        // The token is removed from the address and kept for this tab only.
        #expect(try await browser.execute("return location.hash").string == "")
        #expect(try await browser.execute("return localStorage.length").number == 0)

        try await browser.waitUntil(Self.chartsDraw, within: .seconds(30))
        try await browser.waitUntil(Self.tile("greenhouse-1", "temperature"), within: .seconds(30))
        try await browser.waitUntil(Self.tile("greenhouse-1", "humidity"), within: .seconds(30))
        let before = try await browser.execute(Self.pointCount).number ?? 0
        try await browser.waitUntil("(() => { \(Self.pointCount) })() > \(Int(before) + 20)", within: .seconds(30))

        _ = try await browser.screenshot(to: try Self.picture("desktop"))
        let problems = try await browser.consoleLog().filter { $0.level == "SEVERE" }
        #expect(problems.isEmpty, "\(problems)")
        await browser.quit()
        try await demo.process.terminate()
    }

    @Test("Every dashboard opens on a phone without horizontal overflow")
    func everyDashboardOnAPhone() async throws {
        let demo = try DemoProcess()
        let url = try await demo.waitForURL()
        let browser = try await WebDriver.start(width: 390, height: 844)
        try await browser.navigate(to: url.absoluteString)
        try await browser.waitUntil("document.documentElement.dataset.connection === 'open'", within: .seconds(30))
        let script = "return [...document.querySelectorAll('nav [data-dashboard]')].map(a => a.dataset.dashboard)"
        let ids = try #require(try await browser.execute(script).array).compactMap(\.string)
        #expect(ids.count >= 6)
        for id in ids {
            try await browser.navigate(to: "http://127.0.0.1:\(try #require(url.port))/?dashboard=\(id)")
            try await browser.waitUntil(
                "document.documentElement.dataset.connection === 'open' && document.documentElement.dataset.view === 'dashboard'",
                within: .seconds(30))
            let overflow = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            #expect(try await browser.execute("return \(overflow)").bool == true, "\(id)")
        }
        _ = try await browser.screenshot(to: try Self.picture("phone"))
        await browser.quit()
    }

    @Test("Without a token, the page shows the sign-in form, which rejects an invalid token and accepts a valid one")
    func signIn() async throws {
        let demo = try DemoProcess()
        let url = try await demo.waitForURL()
        let token = try #require(url.fragment?.replacing("token=", with: ""))
        let browser = try await WebDriver.start()
        try await browser.navigate(to: "http://127.0.0.1:\(try #require(url.port))/")
        let field = try await browser.waitFor("[data-testid=token]")
        try await field.type("not-a-token")
        try await browser.find("[data-testid=sign-in-button]").click()
        try await browser.waitUntil("!document.querySelector('[data-testid=sign-in-error]').hidden")
        try await browser.find("[data-testid=token]").clear()
        try await browser.find("[data-testid=token]").type(token)
        try await browser.find("[data-testid=sign-in-button]").click()
        try await browser.waitUntil("document.documentElement.dataset.connection === 'open'", within: .seconds(30))
        await browser.quit()
    }

    @Test("A link neither signs in nor switches the user without confirmation")
    func link() async throws {
        let demo = try DemoProcess()
        let url = try await demo.waitForURL()
        let token = try #require(url.fragment?.replacing("token=", with: ""))
        // Browsers resolve names below `localhost` to this machine, but the page treats it as any other host.
        let page = "http://windsock.localhost:\(try #require(url.port))/"
        let browser = try await WebDriver.start()
        try await browser.navigate(to: "\(page)#token=\(token)")
        let question = "document.querySelector('[data-testid=sign-in-error]').textContent"
        try await browser.waitUntil("\(question).includes('This link signs you in as')")
        let stored = "return sessionStorage.getItem('windsock.token')"
        #expect(try await browser.execute(stored) == .null)
        #expect(try await browser.execute("return location.hash").string == "")
        try await browser.find("[data-testid=sign-in-button]").click()
        let isOpen = "document.documentElement.dataset.connection === 'open'"
        try await browser.waitUntil(isOpen, within: .seconds(30))
        // {"alg":"HS256"}.{"sub":"mallory"}
        let other = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYWxsb3J5In0.c2lnbmF0dXJl"
        try await browser.execute("location.hash = 'token=\(other)'")
        try await browser.waitUntil("\(question).includes('“mallory”')")
        #expect(try await browser.execute(stored).string == token)
        try await browser.execute("location.reload()")
        try await browser.waitUntil(isOpen, within: .seconds(30))
        await browser.quit()
    }

    @Test("When the gateway restarts, the page shows it, reconnects, and its charts continue")
    func gatewayRestarts() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "windsock-page-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let broker = try await MosquittoBroker.start()
        let devices = try ChildProcess(
            try PackageRoot.executable.path,
            ["simulate", "devices/greenhouse.yaml", "--mqtt-url", broker.url, "--quiet"],
            workingDirectory: try PackageRoot.directory)
        let first = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder)
        let browser = try await WebDriver.start()
        let token = try await GatewayProcess.token(join: ["sensors/#"])
        try await browser.navigate(to: "\(first.url)/?dashboard=greenhouse#token=\(token)")
        try await browser.waitUntil(Self.tile("greenhouse-1", "temperature"), within: .seconds(30))
        try await first.process.terminate()
        try await browser.waitUntil("document.documentElement.dataset.connection !== 'open'", within: .seconds(30))

        let second = try await GatewayProcess(mqttURL: broker.url, port: first.port, dataDirectory: folder)
        try await browser.waitUntil("document.documentElement.dataset.connection === 'open'", within: .seconds(60))
        let before = try await browser.execute(Self.pointCount).number ?? 0
        try await browser.waitUntil("(() => { \(Self.pointCount) })() > \(Int(before))", within: .seconds(30))

        // The gateway reports the loss of the broker.
        try await broker.kill()
        try await browser.waitUntil("document.documentElement.dataset.broker === 'down'", within: .seconds(30))
        await browser.quit()
        try await second.process.terminate()
        try await devices.terminate()
    }

    private static let chartsDraw = """
        [...document.querySelectorAll('[data-panel][data-points]')].some(panel => Number(panel.dataset.points) > 0)
        """

    private static let pointCount = """
        return [...document.querySelectorAll('[data-panel][data-points]')]
            .reduce((sum, panel) => sum + Number(panel.dataset.points), 0)
        """

    /// An expression that is true when a tile shows a number for a device's metric.
    private static func tile(_ device: String, _ metric: String) -> String {
        """
        (() => { const tile = document.querySelector('[data-device="\(device)"][data-metric="\(metric)"]');
            return tile !== null && tile.dataset.value !== undefined && tile.dataset.value !== '' })()
        """
    }

    /// Returns the path of a screenshot, kept for inspection.
    private static func picture(_ name: String) throws -> URL {
        let folder = try PackageRoot.directory.appending(path: ".build/screenshots")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.appending(path: "\(name).png")
    }
}
