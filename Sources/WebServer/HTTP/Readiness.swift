import Telemetry

/// Whether the gateway can do its work, part by part: what `/readyz` tells.
package struct Readiness: Sendable {
    /// One part, such as the broker's connection.
    package struct Check: Sendable {
        package let name: String
        package let isReady: Bool
        /// One word, such as `connected` or `waiting`.
        package let status: String
        /// Why it is not ready, or what is worth knowing.
        package let reason: String?

        package init(name: String, isReady: Bool, status: String, reason: String? = nil) {
            self.name = name
            self.isReady = isReady
            self.status = status
            self.reason = reason
        }
    }

    package let checks: [Check]

    package init(checks: [Check]) {
        self.checks = checks
    }

    package var isReady: Bool { checks.allSatisfy(\.isReady) }

    /// `{"status":"ok","checks":{"mqtt":{"status":"connected"}}}`
    var json: [UInt8] {
        var bytes: [UInt8] = []
        JSONWriter.append(raw: "{\"status\":", to: &bytes)
        JSONWriter.append(isReady ? "ok" : "unavailable", to: &bytes)
        JSONWriter.append(raw: ",\"checks\":{", to: &bytes)
        for (index, check) in checks.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONWriter.append(check.name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            var object = JSONObjectBuilder()
            object.add("status", check.status)
            object.add("ready", check.isReady)
            if let reason = check.reason { object.add("reason", reason) }
            bytes += object.finished()
        }
        JSONWriter.append(raw: "}}", to: &bytes)
        return bytes
    }
}
