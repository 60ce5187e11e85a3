#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Metrics of this process under the standard Prometheus names, read from `/proc` and the system at each scrape.
/// Metrics that need `/proc` are not shown on systems without it.
///
/// Source: Prometheus, "Writing client libraries", process metrics. `process_threads` is an addition.
package enum ProcessMetrics {
    /// Registers the metrics with `registry`.
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
        // Listing the directory opens a descriptor of its own, which must not be counted.
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

    /// The resident memory of this process in bytes, or `nil` on systems without `/proc`.
    package static var residentBytes: Int? {
        status().map { Int(clamping: $0.residentPages) * Int(sysconf(Int32(_SC_PAGESIZE))) }
    }

    private static func status() -> ProcessStatus? {
        ProcFile.read("/proc/self/stat").flatMap(ProcessStatus.init)
    }

    /// Returns the CPU time. Uses `getrusage` instead of `stat`, because a tick in `stat` is 10 ms.
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

    /// Returns the boot time in seconds since the Unix epoch, from the `btime` line of `/proc/stat`.
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

/// The fields of `/proc/self/stat` that the metrics use.
///
/// Source: `proc(5)`. Times are in clock ticks, resident memory is in pages.
struct ProcessStatus: Equatable {
    var threads: UInt64
    /// Clock ticks from system boot to process start.
    var startTicks: UInt64
    var virtualBytes: UInt64
    var residentPages: UInt64

    /// Parses one line of `stat`. The second field is the program name in parentheses and may contain spaces and
    /// parentheses, so fields are counted from the last closing parenthesis.
    init?(_ text: String) {
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(whereSeparator: \.isWhitespace)
        func field(_ number: Int) -> UInt64? {
            // The first field after the program name is field 3.
            let index = number - 3
            return fields.indices.contains(index) ? UInt64(fields[index]) : nil
        }
        guard let threads = field(20), let start = field(22),
            let virtual = field(23), let resident = field(24)
        else { return nil }
        self.threads = threads
        startTicks = start
        virtualBytes = virtual
        residentPages = resident
    }
}

/// A reader for small files of `/proc`. Its functions return `nil` on systems without `/proc`.
enum ProcFile {
    /// Returns the content of the file at `path`, up to about 1 MiB, or `nil` if it cannot be read.
    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while bytes.count < 1_048_576 {
            let count = chunk.withUnsafeMutableBytes { buffer in
                #if canImport(Glibc)
                    Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                #elseif canImport(Musl)
                    Musl.read(descriptor, buffer.baseAddress, buffer.count)
                #else
                    Darwin.read(descriptor, buffer.baseAddress, buffer.count)
                #endif
            }
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    /// Returns the number of entries in the directory at `path`, not counting `.` and `..`.
    static func entryCount(_ path: String) -> Int? {
        guard let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return max(count - 2, 0)
    }
}
