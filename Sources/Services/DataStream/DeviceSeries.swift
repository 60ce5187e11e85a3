import Core
import Realtime
import Telemetry

/// The latest reading of a device with a certain list of metrics. A device that sends different lists has several
/// series.
///
/// It caches the parts of the JSON that are the same in all of these readings.
struct DeviceSeries {
    /// The conflation key, unique among all series: a newer message with the same key replaces an older one that is
    /// still queued.
    let key: ConflationKey
    var latest: Reading {
        didSet { byteCount = keysByteCount + Self.byteCount(of: latest) }
    }
    /// Approximate memory use in bytes.
    private(set) var byteCount: Int
    /// A hash of the metric names in order. Distinguishes series without comparing every name.
    let digest: Int
    /// The value of ``LatestReadings/version`` when ``latest`` was set.
    var version: UInt64 = 0
    /// True while ``latest`` comes from the database, because nothing was received since the gateway started.
    var isRestored = false
    /// The encoded names, such as `"temperature":`, in the order of the metrics.
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

    /// Returns a hash of the names of a reading's metrics. The hash is seeded per process, so that nobody can craft
    /// names that collide.
    static func digest(of reading: Reading) -> Int {
        var hasher = Hasher()
        for metric in reading.metrics { hasher.combine(ExactString(metric.name)) }
        return hasher.finalize()
    }

    /// Returns true when a reading has the same metrics in the same order.
    func fits(_ reading: Reading) -> Bool {
        guard reading.metrics.count == latest.metrics.count else { return false }
        for index in reading.metrics.indices where reading.metrics[index].name != latest.metrics[index].name {
            return false
        }
        return true
    }

    // MARK: Bytes

    /// Overhead of an array, including the reference to it.
    private static let arrayByteCount = 48
    /// Memory use of a series without its metrics: its slot, the reading's slot, and the array headers.
    private static let fixedByteCount = 512

    private static func byteCount(of reading: Reading) -> Int {
        reading.metrics.reduce(fixedByteCount + (reading.trace?.state?.utf8.count ?? 0)) { sum, metric in
            sum + MemoryLayout<Metric>.stride + byteCount(of: metric.name) + (metric.unit.map(byteCount) ?? 0)
        }
    }

    /// Returns the heap bytes of a string; strings of up to 15 bytes are stored inline.
    private static func byteCount(of text: String) -> Int {
        text.utf8.count > 15 ? 48 + text.utf8.count : 0
    }

    // MARK: JSON

    /// Appends `"temperature":21.5,…,"timestamp":1764000000.1},"units":{…}` of the latest reading: everything after the
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
