import Foundation
import Observability
import ServiceLifecycle

#if canImport(Glibc)
    import CMalloc

    /// The C library's allocator, which Swift uses.
    enum Allocator {
        /// Blocks of more bytes come from the system and go back to it.
        private static let mappedBytes: Int32 = 128 << 10

        /// Whether the user has set the allocator up with `MALLOC_*` or `GLIBC_TUNABLES`.
        static let isConfigured = ProcessInfo.processInfo.environment.keys.contains {
            $0.hasPrefix("MALLOC_") || $0 == "GLIBC_TUNABLES"
        }

        /// Bounds what bursts leave behind; to be called first, because arenas that exist stay.
        ///
        /// glibc gives each thread an arena of its own, up to 8 a core, and never moves memory between them: after bursts
        /// that came to different threads, the process held twice what it used.
        static func configure() {
            guard !isConfigured else { return }
            mallopt(M_ARENA_MAX, Int32(clamping: max(2, ProcessInfo.processInfo.activeProcessorCount)))
            // Setting it also ends its growth with the size of what is freed.
            mallopt(M_MMAP_THRESHOLD, mappedBytes)
            // Small blocks are joined when they are freed, and not all at once by whoever frees a large one.
            mallopt(M_MXFAST, 0)
        }

        /// Returns free pages to the system: by itself the allocator returns only those at an arena's end.
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

/// Returns memory that bursts have freed to the system. Without it two thirds of the heap were free after ten minutes of
/// attacks.
struct FreePageService: Service {
    private static let interval = Duration.seconds(2)
    /// Threads that allocate in an arena wait while its free pages are returned, so it is done only when memory has grown by
    /// this much, and once a minute.
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
