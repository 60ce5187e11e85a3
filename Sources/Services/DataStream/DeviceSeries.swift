import Realtime
import Telemetry

/// The readings of one device that carry the same set of metrics, of which the latest is kept.
///
/// Holds the parts of the JSON that do not change from one reading to the next.
struct DeviceSeries {
    /// Names this series among all: what conflation compares.
    let key: ConflationKey
    var latest: Reading {
        didSet { byteCount = keysByteCount + Self.byteCount(of: latest) }
    }
    /// Approximate bytes in memory.
    private(set) var byteCount: Int
    /// Of the metrics' names in their order: tells series apart without comparing all names.
    let digest: Int
    /// Counts all changes of all series: the one that made ``latest``.
    var version: UInt64 = 0
    /// `"temperature":` and so on, in the order of the metrics.
    private let metricKeys: [[UInt8]]
    private let keysByteCount: Int

    init(key: ConflationKey, first reading: Reading) {
        self.key = key
        self.latest = reading
        digest = Self.digest(of: reading)
        keysByteCount = reading.metrics.reduce(0) { $0 + Self.arrayByteCount + $1.name.utf8.count + 3 }
        byteCount = keysByteCount + Self.byteCount(of: reading)
        self.metricKeys = reading.metrics.map { metric in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(metric.name.utf8.count + 3)
            JSONWriter.append(metric.name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            return bytes
        }
    }

    /// A hash of the names of a reading's metrics. It is seeded, so that nobody can choose names that collide.
    static func digest(of reading: Reading) -> Int {
        var hasher = Hasher()
        for metric in reading.metrics { hasher.combine(ExactString(metric.name)) }
        return hasher.finalize()
    }

    // MARK: Bytes

    /// Bytes of an array beside its elements, with its reference.
    private static let arrayByteCount = 48
    /// Bytes of a series beside its metrics: its slot, its reading's, and the heads of their arrays.
    private static let fixedByteCount = 512

    private static func byteCount(of reading: Reading) -> Int {
        reading.metrics.reduce(fixedByteCount + (reading.trace?.state?.utf8.count ?? 0)) { sum, metric in
            sum + MemoryLayout<Metric>.stride + byteCount(of: metric.name) + (metric.unit.map(byteCount) ?? 0)
        }
    }

    /// Short strings stand where they are named.
    private static func byteCount(of text: String) -> Int {
        text.utf8.count > 15 ? 48 + text.utf8.count : 0
    }

    // MARK: JSON

    /// Whether a reading has the same metrics in the same order.
    func fits(_ reading: Reading) -> Bool {
        guard reading.metrics.count == latest.metrics.count else { return false }
        for index in reading.metrics.indices where reading.metrics[index].name != latest.metrics[index].name {
            return false
        }
        return true
    }

    /// Appends `"temperature":21.5,…,"timestamp":1764000000.1},"units":{…}` of the latest reading: what follows the
    /// opening brace of `data`.
    func appendData(to bytes: inout [UInt8]) {
        var hasUnits = false
        for (index, metric) in latest.metrics.enumerated() where !Self.isTimestamp(metric.name) {
            bytes += metricKeys[index]
            JSONWriter.append(metric.value, to: &bytes)
            bytes.append(UInt8(ascii: ","))
            if metric.unit != nil { hasUnits = true }
        }
        JSONWriter.append(raw: "\"timestamp\":", to: &bytes)
        JSONWriter.append(latest.time.secondsSinceEpoch, to: &bytes)
        bytes.append(UInt8(ascii: "}"))
        if hasUnits { appendUnits(to: &bytes) }
        if let claimed = latest.implausibleDeviceTime {
            JSONWriter.append(raw: ",\"device_time\":", to: &bytes)
            JSONWriter.append(claimed.secondsSinceEpoch, to: &bytes)
        }
        if latest.isRetained { JSONWriter.append(raw: ",\"retained\":true", to: &bytes) }
    }

    private static func isTimestamp(_ name: String) -> Bool {
        name.utf8.count == 9 && name == "timestamp"
    }

    private func appendUnits(to bytes: inout [UInt8]) {
        JSONWriter.append(raw: ",\"units\":{", to: &bytes)
        var isFirst = true
        for (index, metric) in latest.metrics.enumerated() {
            guard let unit = metric.unit else { continue }
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            bytes += metricKeys[index]
            JSONWriter.append(unit, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }
}
