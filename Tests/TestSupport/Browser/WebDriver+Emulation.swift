extension WebDriver {
    /// Sends a command of the Chrome DevTools Protocol.
    @discardableResult
    package func devTools(_ method: String, _ parameters: JSON = [:]) async throws -> JSON {
        try await command("POST", "goog/cdp/execute", ["cmd": .string(method), "params": parameters])
    }

    /// Gives the page a size in CSS pixels, whatever the window's; `isPhone` also makes it touch-like.
    package func setViewport(width: Int, height: Int, scale: Double = 1, isPhone: Bool = false) async throws {
        try await devTools(
            "Emulation.setDeviceMetricsOverride",
            [
                "width": .number(Double(width)), "height": .number(Double(height)),
                "deviceScaleFactor": .number(scale), "mobile": .bool(isPhone),
            ])
    }

    /// Sets what the page's `prefers-color-scheme` and `prefers-reduced-motion` queries see.
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

    /// Cuts the page off from the network, or connects it again. `navigator.onLine` follows.
    package func setOffline(_ offline: Bool) async throws {
        try await devTools("Network.enable")
        try await devTools(
            "Network.emulateNetworkConditions",
            [
                "offline": .bool(offline), "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
            ])
    }
}
