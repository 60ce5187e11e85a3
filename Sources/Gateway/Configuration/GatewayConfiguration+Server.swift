import Foundation
import NIOCore
import WebServer

extension GatewayConfiguration {
    static func server(_ settings: inout SettingsReader) -> WebServerConfiguration {
        let (host, port) = address(&settings)
        return WebServerConfiguration(
            host: host,
            port: port,
            publicOrigin: publicOrigin(&settings),
            allowedOrigins: allowedOrigins(&settings),
            limits: ConnectionLimits(
                maxMessageBytes: settings.integer(.messageBytes, in: 1024...(1 << 26)),
                maxRooms: settings.integer(.rooms, in: 1...100_000),
                commandsPerSecond: settings.integer(.commandsPerSecond, in: 1...1_000_000),
                commandBurst: settings.integer(.commandBurst, in: 1...1_000_000),
                handshakeTimeout: TimeAmount(
                    settings.duration(.handshakeTimeout, in: .milliseconds(100)...(.seconds(600))))),
            heartbeat: HeartbeatConfiguration(
                pingInterval: TimeAmount(settings.duration(.pingInterval, in: .seconds(1)...(.seconds(3600)))),
                pongTimeout: TimeAmount(settings.duration(.pongTimeout, in: .seconds(1)...(.seconds(3600)))),
                writeTimeout: TimeAmount(settings.duration(.writeTimeout, in: .seconds(1)...(.seconds(3600))))))
    }

    /// `host:port`, `[::1]:port`, or `:port` for all addresses.
    private static func address(_ settings: inout SettingsReader) -> (host: String, port: Int) {
        let text = settings.text(.listen) ?? ""
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else {
            return settings.fail(
                .listen, "\"\(text)\" is not an address such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080.",
                instead: ("127.0.0.1", 8080))
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return (host.isEmpty ? "0.0.0.0" : host, port)
    }

    private static func publicOrigin(_ settings: inout SettingsReader) -> String? {
        guard let text = settings.text(.publicURL) else { return nil }
        guard let origin = origin(of: text) else {
            return settings.fail(.publicURL, "\"\(text)\" is not an http or https URL.", instead: nil)
        }
        return origin
    }

    private static func allowedOrigins(_ settings: inout SettingsReader) -> [String] {
        let texts = (settings.text(.allowedOrigins) ?? "").split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        for text in texts where text != "null" && origin(of: text) == nil {
            settings.fail(
                .allowedOrigins, "\"\(text)\" is not an origin such as https://dash.example.org, or null.",
                instead: ())
        }
        return texts
    }

    /// `https://host:port` of a URL.
    private static func origin(of text: String) -> String? {
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let host = url.host, !host.isEmpty
        else { return nil }
        return "\(scheme)://\(host)\(url.port.map { ":\($0)" } ?? "")"
    }
}
