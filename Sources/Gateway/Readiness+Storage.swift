import Services
import WebServer

extension Readiness.Check {
    /// The database: ready while it can be written, and nothing of it was found unreadable.
    static func storage(_ health: StorageHealth, _ clockTrust: ClockTrust) -> Readiness.Check {
        if let trouble = health.trouble {
            return Readiness.Check(name: "storage", isReady: false, status: "failing", reason: trouble.reason)
        }
        if let unreadable = health.unreadable {
            return Readiness.Check(
                name: "storage", isReady: false, status: "unreadable",
                reason: "\(unreadable.reason): a part cannot be read; restore a backup")
        }
        let leap = clockTrust.leap.map { leap in
            let seconds = Int(leap.size / .seconds(1))
            return
                "The clock has leapt forward by \(seconds) s; nothing is removed because of its age until it has held."
        }
        return Readiness.Check(name: "storage", isReady: true, status: "ok", reason: leap)
    }
}
