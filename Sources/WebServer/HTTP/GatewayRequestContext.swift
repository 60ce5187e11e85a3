import Hummingbird

/// What a request carries through middleware and routes: Hummingbird's own, and who asks.
struct GatewayRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Set by ``BearerAuthentication``; `nil` on routes without it.
    var identity: Identity?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
    }

    /// Who asks.
    ///
    /// - Throws: ``Problem`` (401) on a route without ``BearerAuthentication``.
    func requireIdentity() throws -> Identity {
        guard let identity else { throw Problem(.unauthorized, "A token is needed.") }
        return identity
    }
}
