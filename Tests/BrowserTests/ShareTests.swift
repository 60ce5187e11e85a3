import ChildProcesses
import Foundation
import TestSupport
import Testing

/// Share links in real browsers: created on a dashboard, shown in a frame of another site, and revoked.
@Suite("Share links in browsers", .serialized)
struct ShareTests {
    private static let isOpen = "document.documentElement.dataset.connection === 'open'"
    private static let showsTemperature = """
        (() => { const tile = document.querySelector('[data-device="greenhouse-1"][data-metric="temperature"]');
            return Boolean(tile?.dataset.value) })()
        """
    /// True when no bar, link or button leads away from the dashboard.
    private static let isReduced = """
        ['.tabs', '#alerts-toggle', '#chat-toggle', '#bell', '#sign-out', '.heading-link'].every(selector => {
            const nodes = [...document.querySelectorAll(selector)];
            return nodes.length > 0 && nodes.every(node => node.checkVisibility() === false);
        })
        """

    @Test("A dashboard is shared by a dialog, seen live in a frame of an allowed site only, and cut when it is revoked")
    func frame() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let devices = try ChildProcess(
            try PackageRoot.executable.path,
            ["simulate", "devices/greenhouse.yaml", "--mqtt-url", broker.url, "--quiet"],
            workingDirectory: try PackageRoot.directory)
        let port = try FreePort.reserve()
        let site = try FreePort.reserve()
        let gateway = try await GatewayProcess(
            mqttURL: broker.url, port: port, dataDirectory: folder.url,
            arguments: ["--set", "frame_ancestors=self,http://localhost:\(site)"])
        let owner = try await WebDriver.start(width: 1440, height: 900)
        let token = try await GatewayProcess.token(join: ["sensors/#"], share: true)
        try await owner.navigate(to: "\(gateway.url)/?dashboard=greenhouse#token=\(token)")
        try await owner.waitUntil(Self.showsTemperature, within: .seconds(30))
        let link = try await Self.share(owner, named: "Wiki")
        #expect(link.hasPrefix("\(gateway.url)/?dashboard=greenhouse#token=share-"))
        try await Self.takePictures(of: owner, "share-dialog")

        let frame = "<!doctype html><title>Wiki</title><iframe src=\"\(link)\" width=1200 height=700></iframe>"
        let page = ScriptedHTTPServer.Answer.status(
            200, headers: [("Content-Type", "text/html")], body: Array(frame.utf8))
        let allowed = try await ScriptedHTTPServer.start(then: page, port: site)
        let other = try await ScriptedHTTPServer.start(then: page)
        let viewer = try await WebDriver.start(width: 1280, height: 800)
        try await viewer.navigate(to: "http://localhost:\(other.port)/")
        try await viewer.switchToFrame(0)
        #expect(try await viewer.execute("return document.querySelector('#panels')") == .null)

        try await viewer.switchToFrame(nil)
        try await viewer.navigate(to: "http://localhost:\(allowed.port)/")
        try await viewer.switchToFrame(0)
        try await viewer.waitUntil("\(Self.isOpen) && \(Self.showsTemperature)", within: .seconds(30))
        #expect(try await viewer.execute("return \(Self.isReduced)").bool == true)
        #expect(try await viewer.execute("return location.hash").string == "")
        _ = try await viewer.screenshot(to: try Self.picture("share-frame"))
        let problems = try await viewer.consoleLog().filter { entry in
            // The refused frame, and the icon that the other sites do not have.
            entry.level == "SEVERE" && !["frame-ancestors", "favicon"].contains(where: entry.message.contains)
        }
        #expect(problems.isEmpty, "\(problems)")

        try await owner.find("[data-testid=share-list] button").click()
        try await viewer.waitUntil("document.documentElement.dataset.view === 'ended'")
        #expect(try await viewer.execute("return document.querySelectorAll('[data-panel]').length").number == 0)
        try await viewer.execute("location.reload()")
        try await viewer.waitUntil("document.documentElement.dataset.view === 'ended'")
        await viewer.quit()
        await owner.quit()
        try await gateway.process.terminate()
        try await devices.terminate()
    }

    @Test("A kiosk shows the dashboard alone, and recovers from a failed start and from a restart of the gateway")
    func kiosk() async throws {
        let folder = try TemporaryFolder()
        let broker = try await MosquittoBroker.start()
        let devices = try ChildProcess(
            try PackageRoot.executable.path,
            ["simulate", "devices/greenhouse.yaml", "--mqtt-url", broker.url, "--quiet"],
            workingDirectory: try PackageRoot.directory)
        let first = try await GatewayProcess(mqttURL: broker.url, dataDirectory: folder.url)
        let browser = try await WebDriver.start(width: 1440, height: 900)
        let token = try await GatewayProcess.token(join: ["sensors/#"], share: true)
        try await browser.navigate(to: "\(first.url)/?dashboard=greenhouse#token=\(token)")
        try await browser.waitUntil(Self.isOpen, within: .seconds(30))
        let link = try await Self.share(browser, named: "Wall").replacing("#", with: "&kiosk#")
        try await browser.navigate(to: "about:blank")
        try await browser.navigate(to: link)
        try await browser.waitUntil("\(Self.isOpen) && \(Self.showsTemperature)", within: .seconds(30))
        let isAlone = "\(Self.isReduced) && !document.querySelector('.bar').checkVisibility()"
        #expect(try await browser.execute("return \(isAlone)").bool == true)
        try await Self.takePictures(of: browser, "kiosk")

        // The page is loaded, but its first request fails.
        try await browser.devTools("Network.enable")
        try await browser.devTools("Network.setBlockedURLs", ["urls": ["*/api/dashboards"]])
        try await browser.execute("location.reload()")
        try await browser.waitUntil("document.documentElement.dataset.view === 'failed'")
        try await browser.devTools("Network.setBlockedURLs", ["urls": []])
        try await browser.waitUntil(Self.isOpen, within: .seconds(60))

        try await first.process.terminate()
        try await browser.waitUntil("!(\(Self.isOpen))", within: .seconds(30))
        let second = try await GatewayProcess(mqttURL: broker.url, port: first.port, dataDirectory: folder.url)
        try await browser.waitUntil("\(Self.isOpen) && \(Self.showsTemperature)", within: .seconds(60))
        await browser.quit()
        try await second.process.terminate()
        try await devices.terminate()
    }

    /// Creates a share of the shown dashboard by the dialog and returns its link.
    private static func share(_ browser: WebDriver, named name: String) async throws -> String {
        try await browser.waitUntil("document.getElementById('share').checkVisibility()")
        try await browser.find("[data-testid=share]").click()
        try await browser.find("#share-name").type(name)
        try await browser.find("[data-testid=share-create]").click()
        try await browser.waitUntil("document.getElementById('share-link').value !== ''")
        return try await browser.execute("return document.getElementById('share-link').value").string ?? ""
    }

    /// Takes pictures on a desktop and a phone, in both themes.
    private static func takePictures(of browser: WebDriver, _ name: String) async throws {
        for (device, width, height) in [("desktop", 1440, 900), ("phone", 390, 844)] {
            for isDark in [false, true] {
                try await browser.setViewport(width: width, height: height)
                try await browser.emulateMedia(dark: isDark)
                let overflow = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
                #expect(try await browser.execute("return \(overflow)").bool == true, "\(name) \(device)")
                _ = try await browser.screenshot(to: try picture("\(name)-\(device)\(isDark ? "-dark" : "")"))
            }
        }
        try await browser.setViewport(width: 1440, height: 900)
        try await browser.emulateMedia(dark: false)
    }

    /// Returns the path of a screenshot, kept for inspection.
    private static func picture(_ name: String) throws -> URL {
        let folder = try PackageRoot.directory.appending(path: ".build/screenshots")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder.appending(path: "\(name).png")
    }
}
