import Foundation

extension MQTTConfiguration {
    /// Takes host, port, user name, password and TLS from `mqtt://[user:password@]host[:1883]` or
    /// `mqtts://[user:password@]host[:8883]`.
    ///
    /// Throws ``MQTTError/invalidConfiguration(_:)``; its message never holds the URL's password.
    package init(url text: String, clientID: String) throws(MQTTError) {
        let form = "mqtt://[user:password@]host[:port] or mqtts://[user:password@]host[:port] is expected."
        guard let url = URLComponents(string: text), let scheme = url.scheme?.lowercased() else {
            throw .invalidConfiguration("This is not a broker's URL; \(form)")
        }
        guard scheme == "mqtt" || scheme == "mqtts" else {
            throw .invalidConfiguration("The scheme \"\(scheme)\" is not known; \(form)")
        }
        guard var host = url.host, !host.isEmpty else {
            throw .invalidConfiguration("The URL names no host; \(form)")
        }
        guard url.path.isEmpty || url.path == "/", url.query == nil, url.fragment == nil else {
            throw .invalidConfiguration("The URL has a path, a query or a fragment; \(form)")
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        self.init(
            host: host,
            port: url.port ?? (scheme == "mqtts" ? 8883 : 1883),
            clientID: clientID,
            username: url.user,
            password: url.password,
            tls: scheme == "mqtts" ? MQTTTLSConfiguration() : nil)
    }
}
