/// A setting that cannot be used: names where it stands, the value, and what is allowed.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// Where the setting stands: `windsock.yaml:12: mqtt.url`, `WINDSOCK_MQTT_URL` or `--mqtt-url`.
    package let origin: String
    /// What is wrong and what is allowed. Never holds a secret's value.
    package let problem: String

    package init(origin: String, problem: String) {
        self.origin = origin
        self.problem = problem
    }

    package var description: String { "\(origin): \(problem)" }
}

/// All the settings that cannot be used, found in one go.
package struct ConfigurationErrors: Error, CustomStringConvertible {
    package let errors: [ConfigurationError]

    package init(_ errors: [ConfigurationError]) {
        self.errors = errors
    }

    package var description: String { errors.map(\.description).joined(separator: "\n") }
}
