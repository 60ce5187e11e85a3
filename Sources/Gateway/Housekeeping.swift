import Logging
import NIOCore
import ServiceLifecycle
import Services
import Storage
import Telemetry

/// What goes on beside the rest: users whose grace period is over, devices that fell silent, history that has become too
/// old, and a look whether a storage that failed works again.
///
/// `run()` returns at a graceful shutdown.
struct Housekeeping: Service {
    private static let interval = Duration.seconds(1)
    /// Between two looks at what is too old.
    private static let cleaningInterval = Duration.seconds(60)
    /// Between two looks at the bytes of all messages.
    private static let trimmingInterval = Duration.seconds(5)
    /// Alerts that are kept.
    private static let maxAlerts = 100_000
    /// Removed in one transaction: small, so that nobody waits long for the writer.
    private static let portion = 1000

    let rooms: RoomStack
    let configuration: HistoryConfiguration
    /// Whether devices can be heard at all.
    let isListening: @Sendable () -> Bool
    let logger: Logger
    var clock: any WallClock = SystemWallClock()

    func run() async throws {
        await cancelWhenGracefulShutdown {
            // Removing much takes long: it goes on beside the rest.
            async let cleaning: Void = cleanRegularly()
            async let trimming: Void = trimRegularly()
            async let checkpoints: Void = checkpointRegularly()
            async let webhook: Void? = rooms.webhook?.run()
            while (try? await Task.sleep(for: Self.interval)) != nil {
                rooms.presence.sweep(at: .now())
                rooms.services.stream.sweep(now: clock.now(), isListening: isListening())
                rooms.alerts.tick(isListening: isListening())
                // Without it nothing would tell that the storage works again, or no more, before the next batch comes.
                if rooms.writer.health.trouble != nil || !rooms.database.isInPlace { await rooms.writer.probe() }
            }
            _ = await (cleaning, trimming, checkpoints, webhook)
        }
    }

    private func checkpointRegularly() async {
        while (try? await Task.sleep(for: Self.interval)) != nil {
            do {
                try await rooms.database.checkpoint()
            } catch {
                logger.debug("The database's log was not emptied", metadata: ["error": "\(error)"])
            }
        }
    }

    private func trimRegularly() async {
        while (try? await Task.sleep(for: Self.trimmingInterval)) != nil {
            if rooms.writer.health.trouble == nil { await rooms.roomRetention.trim() }
        }
    }

    private func cleanRegularly() async {
        var toldLeap: ClockTrust.Leap?
        while (try? await Task.sleep(for: Self.cleaningInterval)) != nil {
            let now = rooms.clockTrust.believed(clock.now(), steady: .now())
            tell(rooms.clockTrust.leap, after: &toldLeap)
            if rooms.writer.health.trouble == nil { await clean(at: now) }
        }
    }

    /// Says once of each leap of the clock what follows from it.
    private func tell(_ leap: ClockTrust.Leap?, after told: inout ClockTrust.Leap?) {
        defer { told = leap }
        guard let leap, leap != told else { return }
        logger.warning(
            "The clock has leapt forward: nothing is removed because of its age until it has held for storage.clock_hold",
            metadata: ["leap_s": "\(leap.size / .seconds(1))"])
    }

    /// Removes what is too old, portion by portion, so that other writes go between.
    private func clean(at now: Timestamp) async {
        let cutoff = now.advanced(by: .zero - configuration.maxAge)
        let keys = now.advanced(by: .zero - configuration.keyLifetime)
        await rooms.roomRetention.clean(at: now)
        await remove { try $0.removeNotifications(before: cutoff, expiredAt: now, limit: Self.portion) }
        await remove { try $0.forgetKeys(before: keys, limit: Self.portion) }
        await remove { try $0.removeDeadLetters(before: cutoff, limit: Self.portion) }
        await remove { try $0.removeAlerts(before: cutoff, limit: Self.portion) }
        await remove { try $0.removeAlerts(above: Self.maxAlerts, limit: Self.portion) }
        await remove { try $0.removeSilences(before: now, limit: Self.portion) }
        await rooms.retention.clean(at: now)
    }

    private func remove(_ portion: @escaping @Sendable (StorageTransaction) throws -> Int) async {
        while !Task.isCancelled {
            do {
                let count = try await rooms.writer.submit(byteCount: 64) { RoomWriter.Effect(try portion($0)) }
                guard count == Self.portion else { return }
            } catch {
                return logger.warning("Old history was not removed", metadata: ["error": "\(error)"])
            }
        }
    }
}
