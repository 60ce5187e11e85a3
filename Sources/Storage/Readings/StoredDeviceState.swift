package import Core
import GRDB
package import Telemetry

/// The latest stored values of a device in one room, with which a gateway continues after a restart.
package struct StoredDeviceState: Sendable {
    /// Values that were stored together, as one reading or the rest of one.
    package struct Values: Sendable {
        package var time: Timestamp
        /// Only metrics of which no later value is stored, in the order in which their series were created.
        package var metrics: [Metric]
    }

    /// The maximum number of series that are read of one device.
    package static let maxSeries = 256
    /// The maximum number of latest times that are read of one device.
    package static let maxTimes = 10
    /// The maximum number of rooms of one device that are compared with a token's grants.
    static let maxExaminedRooms = 10_000

    package var device: StoredDevice
    /// By time. Each metric appears once.
    package var values: [Values]
    /// The times of the latest values of the series with the newest value, in ascending order.
    package var times: [Timestamp]
}

extension StorageSnapshot {
    /// Returns the states of the most recently seen devices, those seen last at the end.
    ///
    /// - Parameter maxSeries: The number of series after which no further device is read. Each costs one lookup.
    package func latestDeviceStates(maxDevices: Int, maxSeries: Int) throws -> [StoredDeviceState] {
        var states: [StoredDeviceState] = []
        var seriesCount = 0
        for device in try rows("\(StoredDevice.select) ORDER BY last_seen DESC LIMIT ?", [maxDevices])
            .map(StoredDevice.init)
        {
            guard seriesCount < maxSeries else { break }
            let (state, count) = try state(of: device)
            states.append(state)
            seriesCount += count
        }
        return states.reversed()
    }

    /// Returns the states of a device, one for each room with readings of it that passes `isIncluded`, by name.
    ///
    /// - Parameter maxRooms: The number of rooms after which no further one is read. A device name may occur in any number
    ///   of rooms, and the values of each cost up to ``StoredDeviceState/maxSeries`` lookups.
    package func deviceStates(
        named name: String, maxRooms: Int, where isIncluded: (_ room: String) -> Bool
    ) throws -> [StoredDeviceState] {
        try rows(
            """
            \(StoredDevice.select) WHERE name = ?1 AND room IN (SELECT room FROM series WHERE device = ?1)
            ORDER BY room LIMIT ?2
            """, [name, StoredDeviceState.maxExaminedRooms]
        ).lazy.map(StoredDevice.init).filter { isIncluded($0.room) }.prefix(maxRooms).map { try state(of: $0).state }
    }

    private func state(of device: StoredDevice) throws -> (state: StoredDeviceState, seriesCount: Int) {
        let series = try rows(
            "SELECT \(StoredSeries.columns) FROM series WHERE device = ? AND room = ? ORDER BY id LIMIT ?",
            [device.name, device.room, StoredDeviceState.maxSeries]
        ).map(StoredSeries.init)
        // After a change of unit, a metric has several series.
        var newest: [String: (series: StoredSeries, value: StoredValue)] = [:]
        for series in series {
            guard let value = try latestValue(of: series.id) else { continue }
            let known = newest[series.metric]?.value
            if known.map({ StoredValue.precedes($0, value) }) ?? true { newest[series.metric] = (series, value) }
        }
        // All values of one reading have the same sequence number.
        let readings = Dictionary(grouping: newest.values, by: \.value.sequence).values.sorted {
            StoredValue.precedes($0[0].value, $1[0].value)
        }
        let values = readings.map { reading in
            StoredDeviceState.Values(
                time: reading[0].value.time,
                metrics: reading.sorted { $0.series.id < $1.series.id }.map {
                    Metric(name: $0.series.metric, value: $0.value.value, unit: $0.series.unit)
                })
        }
        let latest = readings.last?.min { $0.series.id < $1.series.id }
        return (
            StoredDeviceState(
                device: device, values: values, times: try latest.map { try times(of: $0.series.id) } ?? []),
            series.count
        )
    }

    private func times(of series: Int64) throws -> [Timestamp] {
        try rows(
            "SELECT time FROM reading WHERE series_id = ? ORDER BY time DESC LIMIT ?",
            [series, StoredDeviceState.maxTimes]
        ).map { Timestamp(nanosecondsSinceEpoch: try $0.value(0)) }.reversed()
    }
}
