package import Core
package import Telemetry

/// A bounded register of the payload fields that became no metric, per device. It shows users what a mapping or a state
/// could still make use of.
///
/// It is kept in memory only. The devices are in two generations: when the newer one is full, it replaces the older one.
/// A device that still sends such fields moves to the newer generation. Thread-safe.
package final class IgnoredFields: Sendable {
    /// An ignored field of a device.
    package struct Field: Hashable, Sendable {
        /// At most ``IgnoredField/maximumNameByteCount`` bytes.
        package let name: String
        package let kind: IgnoredField.Kind
        /// The number of readings with the field.
        package fileprivate(set) var count: Int
    }

    /// The maximum number of fields of a device. Further ones are not recorded.
    package static let maximumFieldCount = 64

    private struct State {
        var newer: [DeviceKey: [Field]] = [:]
        var older: [DeviceKey: [Field]] = [:]
    }

    private let maximumDeviceCount: Int
    private let state = Lock(State())

    /// Creates an empty register of at least half of `maximumDeviceCount` devices: those that reported fields last.
    package init(maximumDeviceCount: Int = 4000) {
        self.maximumDeviceCount = max(2, maximumDeviceCount)
    }

    /// Records the ignored fields of readings.
    func record(_ reports: some Sequence<IgnoredFieldReport>) {
        var reports = reports.makeIterator()
        // Most batches have none, and then the lock is not needed.
        guard let first = reports.next() else { return }
        state.withLock { state in
            record(first, in: &state)
            while let report = reports.next() { record(report, in: &state) }
        }
    }

    private func record(_ report: IgnoredFieldReport, in state: inout State) {
        let key = DeviceKey(room: report.room, device: report.device.rawValue)
        if let index = state.newer.index(forKey: key) {
            return Self.add(report.fields, to: &state.newer.values[index])
        }
        var fields = state.older.removeValue(forKey: key) ?? []
        Self.add(report.fields, to: &fields)
        if state.newer.count >= maximumDeviceCount / 2 {
            state.older = state.newer
            state.newer = [:]
        }
        state.newer[key] = fields
    }

    private static func add(_ new: [IgnoredField], to fields: inout [Field]) {
        for field in new {
            if let index = fields.firstIndex(where: { $0.kind == field.kind && $0.name == field.name }) {
                fields[index].count += 1
            } else if fields.count < maximumFieldCount {
                fields.append(Field(name: field.name, kind: field.kind, count: 1))
            }
        }
    }

    /// Forgets all fields, because other routes may take them.
    func removeAll() { state.withLock { $0 = State() } }

    /// Returns the ignored fields of a device in the order of their first occurrence; empty if there are none.
    package func fields(of device: DeviceKey) -> [Field] {
        state.withLock { $0.newer[device] ?? $0.older[device] ?? [] }
    }
}
