/// Where one signal goes, and how.
package struct OTLPEndpoint: Sendable, Equatable {
    /// The whole address, `http` or `https`, the signal's path included.
    package var url: String
    package var headers: OTLPHeaders
    package var `protocol`: OTLPProtocol
    package var compression: OTLPCompression
    /// How long one request may take, from the connection to the end of the answer.
    package var timeout: Duration
    package var security: OTLPSecurity

    package init(
        url: String,
        headers: OTLPHeaders = .none,
        protocol: OTLPProtocol = .httpProtobuf,
        compression: OTLPCompression = .none,
        timeout: Duration = .seconds(10),
        security: OTLPSecurity = OTLPSecurity()
    ) {
        self.url = url
        self.headers = headers
        self.protocol = `protocol`
        self.compression = compression
        self.timeout = timeout
        self.security = security
    }
}
