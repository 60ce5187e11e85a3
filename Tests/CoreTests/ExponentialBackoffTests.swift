import Core
import Testing

@Suite("Exponential back-off")
struct ExponentialBackoffTests {
    @Test("Waits double up to the cap; only the part above the fixed part is random", arguments: [0, 0.5, 1.0])
    func waits(fixedPart: Double) {
        let backoff = ExponentialBackoff(base: .seconds(1), cap: .seconds(5), fixedPart: fixedPart)
        for (failures, ceiling) in [(1, 1.0), (2, 2), (3, 4), (4, 5), (100_000, 5)] {
            #expect(backoff.wait(afterFailures: failures, random: 0) == .seconds(ceiling * fixedPart))
            let most = backoff.wait(afterFailures: failures, random: .max)
            #expect(most <= .seconds(ceiling) && most > .seconds(ceiling * 0.999))
        }
    }

    @Test("A cap below the base is raised to the base")
    func cap() {
        #expect(ExponentialBackoff(base: .seconds(2), cap: .seconds(1)).cap == .seconds(2))
    }
}
