extension WebDriver {
    /// Sends a command of the Chrome DevTools Protocol.
    @discardableResult
    package func devTools(_ method: String, _ parameters: JSON = [:]) async throws -> JSON {
        try await command("POST", "goog/cdp/execute", ["cmd": .string(method), "params": parameters])
    }

    /// Sets the page's viewport in CSS pixels, independent of the window size. `isPhone` also enables touch emulation.
    package func setViewport(width: Int, height: Int, scale: Double = 1, isPhone: Bool = false) async throws {
        try await devTools(
            "Emulation.setDeviceMetricsOverride",
            [
                "width": .number(Double(width)), "height": .number(Double(height)),
                "deviceScaleFactor": .number(scale), "mobile": .bool(isPhone),
            ])
    }

    /// Sets the results of the page's `prefers-color-scheme` and `prefers-reduced-motion` media queries.
    package func emulateMedia(dark: Bool, reducedMotion: Bool = false) async throws {
        try await devTools(
            "Emulation.setEmulatedMedia",
            [
                "features": [
                    ["name": "prefers-color-scheme", "value": dark ? "dark" : "light"],
                    ["name": "prefers-reduced-motion", "value": reducedMotion ? "reduce" : "no-preference"],
                ]
            ])
    }

    /// Takes the page offline or back online. `navigator.onLine` follows.
    package func setOffline(_ offline: Bool) async throws {
        try await devTools("Network.enable")
        try await devTools(
            "Network.emulateNetworkConditions",
            [
                "offline": .bool(offline), "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
            ])
    }
}
