import Core
import Logging
import NIOCore
import ServiceLifecycle
import Services
import Storage
import Webhooks

/// The background maintenance: the removal of users who did not reconnect, the detection of silent devices, alert
/// timers, retention, WAL checkpoints, webhook delivery, and write probes while the storage fails.
///
/// `run()` returns at a graceful shutdown.
struct MaintenanceService: Service {
    private static let interval = Duration.seconds(1)
    /// Time between two retention runs by age.
    private static let cleaningInterval = Duration.seconds(60)
    /// Time between two retention runs by the total bytes of messages and notifications.
    private static let trimmingInterval = Duration.seconds(5)
    /// Maximum number of stored alerts.
    private static let maxAlerts = 100_000
    /// Maximum rows removed in one transaction. Small, so that other writes do not wait long for the writer.
    private static let portion = 1000

    let stack: ServiceStack
    let configuration: HistoryConfiguration
    /// A closure that returns true while the broker is connected. Otherwise the silence of devices says nothing about
    /// them.
    let isListening: @Sendable () -> Bool
    let logger: Logger
    var clock: any WallClock = SystemWallClock()

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // Large removals take long, so they run concurrently with the loop below.
            async let cleaning: Void = cleanRegularly()
            async let trimming: Void = trimRegularly()
            async let checkpoints: Void = checkpointRegularly()
            async let webhook: Void? = stack.webhook?.run()
            while (try? await Task.sleep(for: Self.interval)) != nil {
                stack.presence.sweep(at: .now())
                stack.services.stream.sweep(now: clock.now(), isListening: isListening())
                stack.alerts.tick(isListening: isListening())
                // Without the probe, a recovery or failure of the storage would go unnoticed until the next batch of
                // writes.
                if stack.writer.health.trouble != nil || !stack.database.isInPlace { await stack.writer.probe() }
            }
            _ = await (cleaning, trimming, checkpoints, webhook)
        }
    }

    private func checkpointRegularly() async {
        while (try? await Task.sleep(for: Self.interval)) != nil {
            do {
                try await stack.database.checkpoint()
            } catch {
                logger.debug("The write-ahead log could not be truncated", metadata: ["error": "\(error)"])
            }
        }
    }

    private func trimRegularly() async {
        while (try? await Task.sleep(for: Self.trimmingInterval)) != nil {
            if stack.writer.health.trouble == nil { await stack.roomRetention.trim() }
        }
    }

    private func cleanRegularly() async {
        var loggedLeap: ClockLeapGuard.Leap?
        var nextCheck = ContinuousClock.now
        while (try? await Task.sleep(for: Self.cleaningInterval)) != nil {
            let now = stack.clockGuard.trustedTime(clock.now(), steady: .now())
            logChange(of: stack.clockGuard.leap, since: &loggedLeap)
            if stack.writer.health.trouble == nil { await clean(at: now) }
            if stack.writer.health.unreadable != nil, ContinuousClock.now >= nextCheck {
                let began = ContinuousClock.now
                if await stack.database.isIntact() { stack.writer.health.foundIntact() }
                // Checks of a large damaged file take at most a tenth of the time, so that the disk serves others.
                nextCheck = .now + (.now - began) * 10
            }
        }
    }

    /// Logs each clock leap once, with its consequence for retention.
    private func logChange(of leap: ClockLeapGuard.Leap?, since logged: inout ClockLeapGuard.Leap?) {
        defer { logged = leap }
        guard let leap, leap != logged else { return }
        logger.warning(
            "The clock leapt forward; retention is paused until the new time has held for storage.clock_hold",
            metadata: ["leap_s": "\(leap.size / .seconds(1))"])
    }

    /// Removes expired rows in small transactions, so that other writes run between them.
    private func clean(at now: Timestamp) async {
        let cutoff = now.advanced(by: .zero - configuration.maxAge)
        let keys = now.advanced(by: .zero - configuration.keyLifetime)
        await stack.roomRetention.clean(at: now)
        await remove { try $0.removeNotifications(before: cutoff, expiredAt: now, limit: Self.portion) }
        await remove { try $0.forgetKeys(before: keys, limit: Self.portion) }
        await remove { try $0.removeDeadLetters(before: cutoff, limit: Self.portion) }
        await remove { try $0.removeAlerts(before: cutoff, limit: Self.portion) }
        await remove { try $0.removeAlerts(above: Self.maxAlerts, limit: Self.portion) }
        await remove { try $0.removeSilences(before: now, limit: Self.portion) }
        await stack.retention.clean(at: now)
    }

    private func remove(_ portion: @escaping @Sendable (StorageTransaction) throws -> Int) async {
        while !Task.isCancelled {
            do {
                let count = try await stack.writer.submit(byteCount: 64) { DatabaseWriter.Effect(try portion($0)) }
                guard count == Self.portion else { return }
            } catch {
                return logger.warning("Expired history could not be removed", metadata: ["error": "\(error)"])
            }
        }
    }
}
