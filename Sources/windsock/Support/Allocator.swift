#if canImport(Glibc)
    import CMalloc
    import Foundation

    /// The C library's allocator, which Swift uses.
    enum Allocator {
        /// Blocks of more bytes come from the system and go back to it.
        private static let mappedBytes: Int32 = 128 << 10

        /// Returns memory that bursts have used to the system; to be called first, because arenas that exist stay.
        ///
        /// glibc gives each thread an arena of its own, up to 8 a core, and never moves memory between them: after bursts
        /// that came to different threads, the process held twice what it used. Does nothing when the
        /// user has set `MALLOC_*` or `GLIBC_TUNABLES`.
        static func configure() {
            let environment = ProcessInfo.processInfo.environment
            guard !environment.keys.contains(where: { $0.hasPrefix("MALLOC_") || $0 == "GLIBC_TUNABLES" }) else {
                return
            }
            mallopt(M_ARENA_MAX, Int32(clamping: max(2, ProcessInfo.processInfo.activeProcessorCount)))
            // Setting it also ends its growth with the size of what is freed.
            mallopt(M_MMAP_THRESHOLD, mappedBytes)
            // Small blocks are joined when they are freed, and not all at once by whoever frees a large one.
            mallopt(M_MXFAST, 0)
        }
    }
#else
    enum Allocator {
        static func configure() {}
    }
#endif
