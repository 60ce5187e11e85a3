import Foundation
package import Telemetry

extension String {
    /// The same text in Unicode's normal form NFC, in which texts that look alike are the same bytes.
    ///
    /// Swift takes `é` and `e` with an accent behind it for equal, a database and other programs do not: one room would be
    /// live together and stored apart. So names are brought into one form where they come in, and compared as they are
    /// from there on.
    package var inNormalForm: String {
        isPlain ? self : precomposedStringWithCanonicalMapping
    }

    /// Whether it is ASCII, which is in every normal form.
    fileprivate var isPlain: Bool { utf8.allSatisfy { $0 < 0x80 } }
}

extension DeviceID {
    /// The same name in normal form; nil when it would be too long.
    fileprivate var inNormalForm: DeviceID? {
        let name = rawValue.inNormalForm
        return name.utf8.elementsEqual(rawValue.utf8) ? self : DeviceID(name)
    }
}

extension Reading {
    fileprivate var isPlain: Bool {
        device.rawValue.isPlain && room.isPlain && metrics.allSatisfy { $0.name.isPlain }
    }

    /// The reading with its names in normal form.
    ///
    /// - Throws: ``DecodeError`` when one would be too long, or two metrics are one.
    func inNormalForm() throws(DecodeError) -> Reading {
        guard !isPlain else { return self }
        guard let device = device.inNormalForm else { throw .badDevice(device.rawValue) }
        var reading = self
        reading.device = device
        reading.room = room.inNormalForm
        var changed: String?
        for (index, metric) in metrics.enumerated() {
            let name = metric.name.inNormalForm
            guard name.utf8.count <= Metric.maximumNameByteCount else { throw .badMetric(name) }
            if !name.utf8.elementsEqual(metric.name.utf8) { changed = name }
            reading.metrics[index].name = name
        }
        if let changed, Set(reading.metrics.map(\.name)).count < metrics.count { throw .duplicateName(changed) }
        return reading
    }
}

extension StatusReport {
    /// The report with its names in normal form.
    ///
    /// - Throws: ``DecodeError`` when one would be too long.
    func inNormalForm() throws(DecodeError) -> StatusReport {
        guard let device = device.inNormalForm else { throw .badDevice(device.rawValue) }
        var report = self
        report.device = device
        report.rooms = rooms.map(\.inNormalForm)
        return report
    }
}

extension DecodedMessage {
    /// What the message says, with all names in normal form.
    ///
    /// - Throws: ``DecodeError`` when a name would be too long, or two metrics of a reading are one.
    func inNormalForm() throws(DecodeError) -> DecodedMessage {
        switch self {
        case .readings(let readings):
            guard !readings.allSatisfy(\.isPlain) else { return self }
            var normal: [Reading] = []
            normal.reserveCapacity(readings.count)
            for reading in readings { normal.append(try reading.inNormalForm()) }
            return .readings(normal)
        case .status(let report): return .status(try report.inNormalForm())
        case .clearedStatus: return self
        }
    }
}
