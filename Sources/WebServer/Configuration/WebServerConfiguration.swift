/// Where the gateway listens and what it allows: plain values with the documented defaults.
package struct WebServerConfiguration: Sendable {
    /// The address to listen on.
    package var host: String
    /// The TCP port; 0 lets the system choose.
    package var port: Int
    /// The certificate and its key; `nil` serves without TLS.
    package var tls: TLSCertificate.Files?
    /// The origin that browsers see when a proxy stands in front, such as `https://dash.example.org`.
    package var publicOrigin: String?
    /// Further origins whose pages may connect; `null` must be listed to be allowed.
    package var allowedOrigins: [String]
    /// The folder of the dashboard page; `nil` serves no page.
    package var webDirectory: String?
    /// The folder in which the system's JavaScript libraries are, served under `/vendor/`.
    package var vendorDirectory: String
    /// Where WebSocket messages are sent back as they came, for conformance suites; `nil`, as it should be in
    /// production, is nowhere.
    package var echoPath: EchoPath?
    package var limits: ConnectionLimits
    package var heartbeat: HeartbeatConfiguration

    package init(
        host: String = "127.0.0.1",
        port: Int = 8080,
        tls: TLSCertificate.Files? = nil,
        publicOrigin: String? = nil,
        allowedOrigins: [String] = [],
        webDirectory: String? = nil,
        vendorDirectory: String = "/usr/share/javascript",
        echoPath: EchoPath? = nil,
        limits: ConnectionLimits = .init(),
        heartbeat: HeartbeatConfiguration = .init()
    ) {
        self.host = host
        self.port = port
        self.tls = tls
        self.publicOrigin = publicOrigin
        self.allowedOrigins = allowedOrigins
        self.webDirectory = webDirectory
        self.vendorDirectory = vendorDirectory
        self.echoPath = echoPath
        self.limits = limits
        self.heartbeat = heartbeat
    }
}
