#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Figures of this process under the names that Prometheus client libraries agree on, read from `/proc` at each
/// scrape. Where there is no `/proc`, nothing is shown.
///
/// Source: Prometheus, "Writing client libraries", process metrics. `process_threads` is an addition.
package enum ProcessMetrics {
    /// Adds the figures to `registry`.
    package static func register(in registry: MetricsRegistry) {
        let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
        guard ticksPerSecond > 0 else { return }

        registry.observe(
            "process_cpu_seconds", help: "User and system CPU time spent, in seconds.", kind: .counter
        ) {
            cpuSeconds()
        }
        registry.observe("process_resident_memory_bytes", help: "Resident memory size in bytes.") {
            residentBytes.map(Double.init)
        }
        registry.observe("process_virtual_memory_bytes", help: "Virtual memory size in bytes.") {
            status().map { Double($0.virtualBytes) }
        }
        registry.observe("process_threads", help: "Number of threads.") {
            status().map { Double($0.threads) }
        }
        // Counting opens the directory: one descriptor of those it finds is its own.
        registry.observe("process_open_fds", help: "Number of open file descriptors.") {
            ProcFile.entryCount("/proc/self/fd").map { Double($0 - 1) }
        }
        if let limit = descriptorLimit() {
            registry.observe("process_max_fds", help: "Maximum number of open file descriptors.") { limit }
        }
        if let start = status()?.startTicks, let boot = bootSeconds() {
            let seconds = boot + Double(start) / ticksPerSecond
            registry.observe("process_start_time_seconds", help: "Start time since the Unix epoch in seconds.") {
                seconds
            }
        }
    }

    /// Bytes of this process that are in memory; `nil` where there is no `/proc`.
    package static var residentBytes: Int? {
        status().map { Int(clamping: $0.residentPages) * Int(sysconf(Int32(_SC_PAGESIZE))) }
    }

    private static func status() -> ProcessStatus? {
        ProcFile.read("/proc/self/stat").flatMap(ProcessStatus.init)
    }

    /// From `getrusage` and not from `stat`, whose ticks are a hundredth of a second.
    private static func cpuSeconds() -> Double? {
        var usage = rusage()
        #if canImport(Glibc)
            let who = __rusage_who_t(RUSAGE_SELF.rawValue)
        #else
            let who = RUSAGE_SELF
        #endif
        guard getrusage(who, &usage) == 0 else { return nil }
        let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
        return Double(seconds) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }

    /// When the machine started, in seconds since the Unix epoch: the `btime` line of `/proc/stat`.
    private static func bootSeconds() -> Double? {
        guard let text = ProcFile.read("/proc/stat") else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("btime ") {
            return Double(line.dropFirst("btime ".count))
        }
        return nil
    }

    private static func descriptorLimit() -> Double? {
        var limit = rlimit()
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        guard getrlimit(resource, &limit) == 0 else { return nil }
        return Double(limit.rlim_cur)
    }
}
