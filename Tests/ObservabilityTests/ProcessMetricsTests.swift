import Foundation
import Metrics
import Testing

@testable import Observability

@Suite("Metrics of the process")
struct ProcessMetricsTests {
    @Test("The metrics of this process are present and plausible")
    func figures() throws {
        let registry = MetricsRegistry()
        ProcessMetrics.register(in: registry)
        let text = try Exposition(PrometheusText.render(registry))
        let now = Date().timeIntervalSince1970
        #expect(try #require(text.value("process_cpu_seconds_total")) > 0)
        let resident = try #require(text.value("process_resident_memory_bytes"))
        #expect((1e6...1e11).contains(resident))
        #expect(try #require(text.value("process_virtual_memory_bytes")) >= resident)
        #expect(try #require(text.value("process_threads")) >= 1)
        #expect(try #require(text.value("process_max_fds")) >= 16)
        let started = try #require(text.value("process_start_time_seconds"))
        #expect(started <= now + 2 && started > now - 7200)
    }

    @Test("Open file descriptors are the entries of a directory, without `.` and `..`")
    func descriptors() throws {
        // Other tests open and close files at the same time, so exact counts are checked on a directory of our own.
        let directory = FileManager.default.temporaryDirectory.appending(path: "windsock-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        for index in 0..<5 { try Data().write(to: directory.appending(path: "\(index)")) }
        #expect(ProcFile.entryCount(directory.path) == 5)
        #expect(ProcFile.entryCount(directory.path + "/absent") == nil)

        let registry = MetricsRegistry()
        ProcessMetrics.register(in: registry)
        let text = try Exposition(PrometheusText.render(registry))
        #expect((3...100_000).contains(try #require(text.value("process_open_fds"))))
    }

    @Test("A program name with spaces and parentheses does not shift the fields")
    func oddName() throws {
        let line = "7 (a (b) c) S 1 7 7 0 -1 4194304 100 0 0 0 11 12 0 0 20 0 5 0 130866 3133440 378 1844674407 1"
        let status = try #require(ProcessStatus(line))
        #expect(status.threads == 5)
        #expect(status.startTicks == 130_866 && status.virtualBytes == 3_133_440 && status.residentPages == 378)
    }

    @Test("A truncated line is not a status", arguments: ["", "7 (a) S 1 7", "7 a S"])
    func truncated(line: String) {
        #expect(ProcessStatus(line) == nil)
    }
}
