import Core
import Services
import Telemetry
import WebServer
import Webhooks

extension GatewayConfiguration {
    private static let mask = "********"

    /// Returns the effective settings as YAML, with the origin of each and with secrets masked. Apart from masked
    /// values and alert rules, which are only counted, it is an equivalent configuration file.
    package static func printed(_ sources: Sources) -> String {
        let settings = SettingsReader(file: sources.file, environment: sources.environment, flags: sources.flags)
        var lines = ConfigurationOption.all.map { option in
            var value = option == .dashboardsDir ? dashboards(settings) : settings.text(option)
            if option.isSecret, value != nil { value = mask }
            if option == .mqttURL { value = value.map(maskedPassword) }
            // The query of the URL may hold a secret.
            if option == .jwtKeys { value = value.map { (try? JWKSource($0))?.description ?? mask } }
            // The path of the URL is often the receiver's only secret.
            if option == .webhookURL { value = value.map { (try? WebhookURL($0))?.description ?? mask } }
            return "\(option.key): \(value.map(scalar) ?? "~")  # \(settings.origin(of: option))"
        }
        let routes = sources.file?.routes
        if sources.file?.keepsDefaultRoutes == true { lines.append("default_routes: true") }
        lines.append("routes:  # \(routes == nil ? "default" : sources.file?.origin(of: "routes") ?? "default")")
        for route in routes ?? TopicRoute.defaults {
            lines += [
                "  - topic: \(scalar(route.pattern))",
                "    convention: \(route.convention.rawValue)",
                "    room: \(scalar(route.room.description))",
                "    qos: \(route.qos)",
                "    fahrenheit_to_celsius: \(route.convertsFahrenheit)",
                "    devices_in_payload: \(route.allowsForeignDevices)",
            ]
            for (key, value) in route.mapping?.keys ?? [] { lines.append("    \(key): \(json(value))") }
        }
        if let rules = sources.file?.alertRules, !rules.isEmpty {
            lines.append("# alerts: \(rules.count) rules  # \(sources.file?.origin(of: "alerts") ?? "file")")
        }
        return lines.joined(separator: "\n")
    }

    /// Returns text as a YAML scalar: plain where it is unambiguous, otherwise quoted as JSON, which is valid YAML 1.2
    /// (section 1.2).
    private static func scalar(_ text: String) -> String {
        let isPlain =
            text.first?.isLetter == true || text.first?.isNumber == true || text.first == "/" || text.first == "."
        let hasPlainCharacters = text.unicodeScalars.allSatisfy { scalar in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-", "/", "@", ",", "+": true
            // A colon starts a mapping only before a blank or at the end.
            case ":": true
            default: false
            }
        }
        if isPlain, hasPlainCharacters, !text.hasSuffix(":"), text.lowercased() != "null" { return text }
        return json(.string(text))
    }

    private static func json(_ value: JSONValue) -> String {
        var bytes: [UInt8] = []
        value.append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Masks the text between the user's `:` and the last `@`. The text need not be a valid URL: a malformed one must
    /// not reveal its password either.
    private static func maskedPassword(in url: String) -> String {
        guard let at = url.lastIndex(of: "@") else { return url }
        let start = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        guard start <= at, let colon = url[start..<at].firstIndex(of: ":") else { return url }
        return url[...colon] + mask + url[at...]
    }
}
