import ChildProcesses
package import Foundation
import NIOCore

/// A real headless Chromium, driven through `chromedriver`.
///
/// Both processes end with the test: the driver is a ``ChildProcess``, and the browser belongs to the driver's process
/// group and listens on a pipe that closes with the driver. The profile and caches are in a folder that is deleted with
/// this object.
///
/// Source: W3C WebDriver; `goog:` extensions of ChromeDriver; Chrome DevTools Protocol.
package final class WebDriver: Sendable {
    /// An error reported by the driver or the browser.
    package struct Failure: Error, CustomStringConvertible {
        /// The WebDriver error code, such as `no such element`.
        package let code: String
        package let message: String
        package var description: String { "\(code): \(message)" }
    }

    /// An entry of the browser's console log.
    package struct LogEntry: Sendable, Hashable {
        /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
        package let level: String
        package let message: String
    }

    private let process: ChildProcess
    private let folder: URL
    private let session: String

    private init(process: ChildProcess, folder: URL, session: String) {
        self.process = process
        self.folder = folder
        self.session = session
    }

    deinit {
        process.kill()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Starts a driver on a free port and a browser with an empty profile.
    ///
    /// - Parameters:
    ///   - width: The page width in CSS pixels.
    ///   - scale: Device pixels per CSS pixel.
    ///   - arguments: Extra command-line arguments for the browser.
    package static func start(
        width: Int = 1280, height: Int = 800, scale: Double = 1, arguments: [String] = []
    ) async throws -> WebDriver {
        let folder = FileManager.default.temporaryDirectory.appending(path: "windsock-browser-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        do {
            let port = try FreePort.reserve()
            let process = try ChildProcess(
                "chromedriver", ["--port=\(port)"], environment: ["TMPDIR": folder.path, "HOME": folder.path])
            try await process.waitForLine("that it is ready") { $0.contains("started successfully") }
            let base = "http://127.0.0.1:\(port)/session"
            let flags =
                [
                    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
                    // The browser ends with the driver and leaves no crash handlers behind.
                    "--remote-debugging-pipe", "--disable-breakpad", "--disable-crash-reporter",
                    "--force-device-scale-factor=\(scale)", "--window-size=\(width),\(height)",
                ] + arguments
            let wanted: JSON = [
                "capabilities": [
                    "alwaysMatch": [
                        "browserName": "chrome",
                        "goog:chromeOptions": ["args": .array(flags.map(JSON.string))],
                        "goog:loggingPrefs": ["browser": "ALL"],
                    ]
                ]
            ]
            let answer = try await send("POST", base, wanted, within: .seconds(60))
            guard let id = answer["sessionId"]?.string else {
                throw Failure(code: "session not created", message: try answer.text)
            }
            let driver = WebDriver(process: process, folder: folder, session: "\(base)/\(id)")
            try await driver.setViewport(width: width, height: height, scale: scale)
            return driver
        } catch {
            try? FileManager.default.removeItem(at: folder)
            throw error
        }
    }

    /// Ends the browser, then the driver.
    package func quit() async {
        _ = try? await Self.send("DELETE", session, nil)
        _ = try? await process.terminate(within: .seconds(5))
    }

    // MARK: The page

    /// Directs further commands to a frame of the page, or with `nil` to the page itself.
    package func switchToFrame(_ index: Int?) async throws {
        try await command("POST", "frame", ["id": index.map { .number(Double($0)) } ?? .null])
    }

    /// Loads `url` and waits for the page's `load` event.
    package func navigate(to url: String) async throws {
        try await command("POST", "url", ["url": .string(url)], within: .seconds(60))
    }

    package var title: String {
        get async throws { try await command("GET", "title").string ?? "" }
    }

    package var url: String {
        get async throws { try await command("GET", "url").string ?? "" }
    }

    /// Runs `script` as the body of a function and returns its result. The script reads `arguments[0]` and so on.
    @discardableResult
    package func execute(_ script: String, _ arguments: [JSON] = []) async throws -> JSON {
        try await command("POST", "execute/sync", ["script": .string(script), "args": .array(arguments)])
    }

    /// Runs `script` with a callback as its last argument and returns the value passed to that callback.
    @discardableResult
    package func executeAsync(_ script: String, _ arguments: [JSON] = []) async throws -> JSON {
        try await command("POST", "execute/async", ["script": .string(script), "args": .array(arguments)])
    }

    /// Waits until the JavaScript expression `condition` is true on the page.
    package func waitUntil(_ condition: String, within duration: Duration = .seconds(20)) async throws {
        try await eventually("the page has \(condition)", within: duration) {
            try await execute("return Boolean(\(condition))") == .bool(true)
        }
    }

    /// Returns the first element that matches a CSS selector.
    package func find(_ selector: String) async throws -> WebElement {
        let found = try await command("POST", "element", ["using": "css selector", "value": .string(selector)])
        return WebElement(driver: self, id: try WebElement.id(in: found))
    }

    /// Returns every element that matches a CSS selector.
    package func findAll(_ selector: String) async throws -> [WebElement] {
        let found = try await command("POST", "elements", ["using": "css selector", "value": .string(selector)])
        return try (found.array ?? []).map { WebElement(driver: self, id: try WebElement.id(in: $0)) }
    }

    /// Waits until an element matches `selector`.
    package func waitFor(_ selector: String, within duration: Duration = .seconds(20)) async throws -> WebElement {
        var elements: [WebElement] = []
        try await eventually("the page has \(selector)", within: duration) {
            elements = try await findAll(selector)
            return !elements.isEmpty
        }
        return elements[0]
    }

    /// Presses keys in the focused element. ``Key`` has the keys without a character.
    package func press(_ keys: String...) async throws {
        let actions: [JSON] = keys.flatMap { key -> [JSON] in
            [["type": "keyDown", "value": .string(key)], ["type": "keyUp", "value": .string(key)]]
        }
        try await command(
            "POST", "actions", ["actions": [["type": "key", "id": "keyboard", "actions": .array(actions)]]])
    }

    /// Keys in WebDriver's private use area (W3C WebDriver section 17.4.2).
    package enum Key {
        package static let tab = "\u{E004}"
        package static let enter = "\u{E007}"
        package static let shift = "\u{E008}"
        package static let escape = "\u{E00C}"
        package static let left = "\u{E012}"
        package static let up = "\u{E013}"
        package static let right = "\u{E014}"
        package static let down = "\u{E015}"
    }

    /// Saves a screenshot of the page as PNG and returns the file's size in bytes.
    @discardableResult
    package func screenshot(to file: URL) async throws -> Int {
        guard let text = try await command("GET", "screenshot", nil, within: .seconds(30)).string,
            let png = Data(base64Encoded: text)
        else { throw Failure(code: "unable to capture screen", message: "no picture") }
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try png.write(to: file)
        return png.count
    }

    /// Returns the console entries since the last call, including uncaught errors and failed loads.
    package func consoleLog() async throws -> [LogEntry] {
        let entries = try await command("POST", "se/log", ["type": "browser"])
        return (entries.array ?? []).map {
            LogEntry(level: $0["level"]?.string ?? "", message: $0["message"]?.string ?? "")
        }
    }

    @discardableResult
    func command(
        _ method: String, _ path: String, _ body: JSON? = nil, within duration: Duration = .seconds(30)
    ) async throws -> JSON {
        try await Self.send(method, "\(session)/\(path)", body, within: duration)
    }

    private static func send(
        _ method: String, _ url: String, _ body: JSON?, within duration: Duration = .seconds(30)
    ) async throws -> JSON {
        let text = try body?.text ?? (method == "POST" ? "{}" : nil)
        let headers = text == nil ? [] : [("Content-Type", "application/json; charset=utf-8")]
        let answer = try await HTTPClientLite.request(method, url, headers: headers, body: text, within: duration)
        let value = try answer.json["value"] ?? .null
        guard answer.status == 200 else {
            throw Failure(code: value["error"]?.string ?? "\(answer.status)", message: value["message"]?.string ?? "")
        }
        return value
    }
}
