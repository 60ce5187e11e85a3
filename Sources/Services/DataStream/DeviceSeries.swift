import Realtime
import Telemetry

/// The readings of one device that carry the same set of metrics, of which the latest is kept.
///
/// Holds the parts of the JSON that do not change from one reading to the next.
struct DeviceSeries {
    /// Names this series among all: what conflation compares.
    let key: ConflationKey
    var latest: Reading
    /// Counts all changes of all series: the one that made ``latest``.
    var version: UInt64 = 0
    /// `"temperature":` and so on, in the order of the metrics.
    private let metricKeys: [[UInt8]]

    init(key: ConflationKey, first reading: Reading) {
        self.key = key
        self.latest = reading
        self.metricKeys = reading.metrics.map { metric in
            var bytes: [UInt8] = []
            JSONWriter.append(metric.name, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            return bytes
        }
    }

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
        for (index, metric) in latest.metrics.enumerated() where metric.name != "timestamp" {
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
