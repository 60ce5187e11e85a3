import Telemetry

/// The series of every device that has spoken since the start, so that a reading's are found with one look-up.
///
/// Holds what is in the database and nothing else: bounded by the number of series that may be there.
struct SeriesCache {
    /// A device in a room.
    struct Key: Hashable {
        var device: String
        var room: String
    }

    /// One of a device's series.
    struct Entry {
        var metric: String
        var unit: String?
        var id: Int64

        var name: Name { Name(metric: metric, unit: unit) }
    }

    /// What tells a device's series apart.
    struct Name: Hashable {
        var metric: String
        var unit: String?
    }

    /// What is known of one device.
    struct Device {
        /// In the order in which they came: most readings have the same metrics in the same order.
        private(set) var series: [Entry] = []
        /// For those that have them in another.
        private var ids: [Name: Int64] = [:]
        /// What the registry's `last_seen` has; `nil` for a device that is not there yet.
        var storedSeen: Timestamp?

        /// The series of a metric; `hint` is where it is likely to stand.
        func id(of metric: Metric, hint: Int) -> Int64? {
            if hint < series.count, series[hint].metric == metric.name, series[hint].unit == metric.unit {
                return series[hint].id
            }
            return ids[Name(metric: metric.name, unit: metric.unit)]
        }

        mutating func append(_ entry: Entry) {
            series.append(entry)
            ids[entry.name] = entry.id
        }
    }

    var devices: [Key: Device] = [:]
    /// Numbers of readings that are taken from the database and not yet given out.
    var sequences: Range<Int64> = 0..<0
    /// Series in the database; `nil` when nobody has looked yet.
    var count: Int?
}
