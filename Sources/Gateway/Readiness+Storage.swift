import Services
import WebServer

extension Readiness.Check {
    /// The database: ready while it can be written.
    static func storage(_ health: StorageHealth) -> Readiness.Check {
        let trouble = health.trouble
        return Readiness.Check(
            name: "storage", isReady: trouble == nil, status: trouble == nil ? "ok" : "failing",
            reason: trouble?.reason)
    }
}
