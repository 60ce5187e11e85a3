import DeviceSimulator
import Foundation
import ServiceLifecycle

/// Shows once a second how fast the simulation sends.
struct RateLine: Service {
    let simulation: Simulation
    let isQuiet: Bool

    func run() async throws {
        guard !isQuiet else { return }
        await cancelWhenGracefulShutdown {
            var earlier = simulation.statistics
            while (try? await Task.sleep(for: .seconds(1))) != nil {
                let now = simulation.statistics
                Console.progress(Self.line(now, since: earlier))
                earlier = now
            }
        }
        Console.endProgress()
    }

    private static func line(_ now: SimulationStatistics, since earlier: SimulationStatistics) -> String {
        let rate = Int(now.messagesPerSecond(since: earlier).rounded())
        let problem = now.connectionProblem.map { "  \($0)" } ?? ""
        return "\(now.connectedCount) of \(now.deviceCount) devices connected, \(rate) messages/s, "
            + "\(now.total.messages) sent, \(now.total.acknowledged) acknowledged\(problem)"
    }
}
