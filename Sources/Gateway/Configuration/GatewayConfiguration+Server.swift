import Foundation
import NIOCore
import Services
import WebServer

extension GatewayConfiguration {
    static func server(_ settings: inout SettingsReader) -> WebServerConfiguration {
        let address = address(&settings)
        return WebServerConfiguration(
            host: address.host,
            port: address.port,
            tls: tls(&settings),
            publicOrigin: publicOrigin(&settings),
            allowedOrigins: allowedOrigins(&settings),
            frameAncestors: frameAncestors(&settings),
            limits: ConnectionLimits(
                maxMessageBytes: settings.integer(.messageBytes, in: 1024...(1 << 26)),
                maxRooms: settings.integer(.rooms, in: 1...100_000),
                commandsPerSecond: settings.integer(.commandsPerSecond, in: 1...1_000_000),
                commandBurst: settings.integer(.commandBurst, in: 1...1_000_000),
                connections: settings.integer(.connections, in: 0...10_000_000),
                addressConnections: settings.integer(.addressConnections, in: 0...10_000_000),
                exemptAddresses: exemptAddresses(&settings),
                userRequests: settings.integer(.userRequests, in: 0...1_000_000),
                userRequestsPerSecond: settings.integer(.userRequestsPerSecond, in: 0...1_000_000),
                connectionsPerUser: settings.integer(.userConnections, in: 0...1_000_000),
                userCommandsPerSecond: settings.integer(.userCommandsPerSecond, in: 0...1_000_000),
                addressConnectionsPerSecond: settings.integer(.addressConnectionsPerSecond, in: 0...1_000_000),
                userReplayedPerSecond: settings.integer(.userReplayedPerSecond, in: 0...100_000_000),
                handshakeTimeout: TimeAmount(
                    settings.duration(.handshakeTimeout, in: .milliseconds(100)...(.seconds(600)))),
                bodyTimeout: TimeAmount(
                    settings.duration(.bodyTimeout, in: .milliseconds(100)...(.seconds(600))))),
            heartbeat: HeartbeatConfiguration(
                pingInterval: TimeAmount(settings.duration(.pingInterval, in: .seconds(1)...(.seconds(3600)))),
                pongTimeout: TimeAmount(settings.duration(.pongTimeout, in: .seconds(1)...(.seconds(3600)))),
                writeTimeout: TimeAmount(settings.duration(.writeTimeout, in: .seconds(1)...(.seconds(3600))))))
    }

    private static func address(_ settings: inout SettingsReader) -> ListenAddress {
        let text = settings.text(.listen) ?? ""
        return ListenAddress(text)
            ?? settings.fail(
                .listen,
                "\"\(text)\" is not a valid address; expected one such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080",
                instead: ListenAddress(host: "127.0.0.1", port: 8080))
    }

    private static func tls(_ settings: inout SettingsReader) -> TLSCertificate.Files? {
        let certificateFile = settings.text(.tlsCertificateFile)
        let keyFile = settings.text(.tlsKeyFile)
        for (option, path) in [(ConfigurationOption.tlsCertificateFile, certificateFile), (.tlsKeyFile, keyFile)] {
            if let path, !FileManager.default.isReadableFile(atPath: path) {
                settings.fail(option, "the file \(path) cannot be read", instead: ())
            }
        }
        switch (certificateFile, keyFile) {
        case (let certificateFile?, let keyFile?):
            return TLSCertificate.Files(certificate: certificateFile, key: keyFile)
        case (nil, nil): return nil
        case (nil, _):
            return settings.fail(.tlsKeyFile, "a key requires its certificate in tls.certificate_file", instead: nil)
        case (_, nil):
            return settings.fail(.tlsCertificateFile, "a certificate requires its key in tls.key_file", instead: nil)
        }
    }

    private static func exemptAddresses(_ settings: inout SettingsReader) -> Set<String> {
        let texts = (settings.text(.exemptAddresses) ?? "").split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        // An empty value counts as not set and means the default, so "none" is the way to exempt no address.
        if texts == ["none"] { return [] }
        return Set(
            texts.compactMap { text in
                // Use the system's canonical form: "::0001" becomes "::1".
                if let address = try? SocketAddress(ipAddress: text, port: 0).ipAddress { return address }
                return settings.fail(
                    .exemptAddresses,
                    "\"\(text)\" is not a valid IP address; expected one such as 127.0.0.1 or ::1, or none",
                    instead: nil)
            })
    }

    private static func publicOrigin(_ settings: inout SettingsReader) -> String? {
        guard let text = settings.text(.publicURL) else { return nil }
        guard let origin = origin(of: text) else {
            return settings.fail(.publicURL, "\"\(text)\" is not a valid http or https URL", instead: nil)
        }
        return origin
    }

    private static func allowedOrigins(_ settings: inout SettingsReader) -> [String] {
        let texts = (settings.text(.allowedOrigins) ?? "").split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        return texts.compactMap { text in
            if text == "null" { return text }
            if let origin = bareOrigin(text) { return origin }
            return settings.fail(
                .allowedOrigins,
                "\"\(text)\" is not a valid origin; expected one such as https://dash.example.org, or null",
                instead: nil)
        }
    }

    /// Returns the sources of the Content Security Policy's `frame-ancestors`. Host names are limited to letters,
    /// digits, dots and hyphens: that directive has no other form for a host, and nothing else may get into the header.
    private static func frameAncestors(_ settings: inout SettingsReader) -> [String] {
        let texts = (settings.text(.frameAncestors) ?? "").split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces).trimmingCharacters(in: ["'"]) }.filter { !$0.isEmpty }
        if texts.contains("none") {
            guard texts.count == 1 else {
                return settings.fail(
                    .frameAncestors, "none is combined with other values; allowed: none alone, or self and origins",
                    instead: [])
            }
            return ["'none'"]
        }
        return texts.compactMap { text in
            if text == "self" { return "'self'" }
            let hostCharacters = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyz0123456789.-")
            if let origin = bareOrigin(text), let host = URLComponents(string: origin)?.host,
                CharacterSet(charactersIn: host).isSubset(of: hostCharacters)
            {
                return origin
            }
            return settings.fail(
                .frameAncestors,
                "\"\(text)\" is not a valid origin; expected one such as https://wiki.example.org, self, or none alone",
                instead: nil)
        }
    }

    /// Returns the origin that a text names without a path.
    private static func bareOrigin(_ text: String) -> String? {
        guard let url = URLComponents(string: text), ["", "/"].contains(url.path), url.user == nil, url.query == nil,
            url.fragment == nil, (1...65_535).contains(url.port ?? 80)
        else { return nil }
        return origin(of: text)
    }

    /// Returns the origin of a URL as browsers serialize it: `https://host:port` in lower case, without the scheme's
    /// default port (RFC 6454, section 6.2).
    private static func origin(of text: String) -> String? {
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let host = url.host?.lowercased(), !host.isEmpty
        else { return nil }
        let port = url.port == (scheme == "http" ? 80 : 443) ? nil : url.port
        return "\(scheme)://\(host)\(port.map { ":\($0)" } ?? "")"
    }

    /// Returns the configuration of accepted tokens: signed with the secret, or by a key of the key set.
    static func tokens(
        _ settings: inout SettingsReader, secret: String?, telemetryRoots: Set<String>
    ) -> TokenConfiguration {
        var keys: JWKSource?
        if let text = settings.text(.jwtKeys) {
            do throws(TokenKeyError) {
                keys = try JWKSource(text)
            } catch {
                settings.fail(.jwtKeys, "\(error)", instead: ())
            }
        }
        let audiences = (settings.text(.jwtAudiences) ?? "").split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        return TokenConfiguration(
            secret: secret, keys: keys,
            keyRefreshInterval: settings.duration(.jwtKeyRefresh, in: .seconds(10)...(.seconds(7 * 86_400))),
            issuer: settings.text(.jwtIssuer), audiences: audiences, telemetryRoots: telemetryRoots)
    }
}
