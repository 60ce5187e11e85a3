import Foundation
import Observability
import ServiceLifecycle

#if canImport(Glibc)
    import CMalloc

    /// The C library's allocator, which Swift uses.
    enum Allocator {
        /// The size, in bytes, above which a block is mapped from the system, and unmapped when freed.
        private static let mappedBytes: Int32 = 128 << 10

        /// True when the user has configured the allocator with `MALLOC_*` or `GLIBC_TUNABLES`.
        static let isConfigured = ProcessInfo.processInfo.environment.keys.contains {
            $0.hasPrefix("MALLOC_") || $0 == "GLIBC_TUNABLES"
        }

        /// Limits the memory that the process keeps after a burst of allocations. Call it at the start of the process,
        /// because existing arenas stay.
        ///
        /// glibc gives each thread its own arena, up to 8 per core, and never moves memory between arenas. After bursts
        /// on different threads, the process held twice the memory that it used.
        static func configure() {
            guard !isConfigured else { return }
            mallopt(M_ARENA_MAX, Int32(clamping: max(2, ProcessInfo.processInfo.activeProcessorCount)))
            // Setting the threshold also stops glibc from raising it to the size of freed blocks.
            mallopt(M_MMAP_THRESHOLD, mappedBytes)
            // Coalesce small blocks as they are freed, instead of all at once in the thread that frees a large block.
            mallopt(M_MXFAST, 0)
        }

        /// Returns free pages to the system. Without this call, the allocator returns only those at the end of an
        /// arena.
        static func returnFreePages() {
            malloc_trim(0)
        }
    }
#else
    enum Allocator {
        static let isConfigured = true

        static func configure() {}

        static func returnFreePages() {}
    }
#endif

/// A service that returns memory freed after bursts to the system.
///
/// Without it, two thirds of the heap were free but not returned after ten minutes of a test with hostile clients (ADR
/// 0011).
struct FreePageService: Service {
    private static let interval = Duration.seconds(2)
    /// The growth of resident memory, in bytes, after which free pages are returned. Without such growth, they are
    /// returned once per `longestRest`. Returning them blocks threads that allocate in the same arena, so it must be
    /// rare.
    private static let growthBytes = 16 << 20
    private static let longestRest = Duration.seconds(60)

    func run() async throws {
        guard !Allocator.isConfigured else { return try await gracefulShutdown() }
        await cancelWhenGracefulShutdown {
            var (kept, calledAt) = (Int.max, ContinuousClock.now)
            while (try? await Task.sleep(for: Self.interval)) != nil {
                let resident = ProcessMetrics.residentBytes ?? 0
                kept = min(kept, resident)
                guard resident - kept > Self.growthBytes || calledAt.duration(to: .now) > Self.longestRest else {
                    continue
                }
                Allocator.returnFreePages()
                (kept, calledAt) = (ProcessMetrics.residentBytes ?? 0, .now)
            }
        }
    }
}
