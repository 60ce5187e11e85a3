import GRDB

/// The values of one metric of one device in one unit: what a line of a chart shows.
package struct StoredSeries: Sendable, Hashable {
    /// Names it within this database.
    package var id: Int64
    package var device: String
    /// The room that the device's readings are streamed into.
    package var room: String
    package var metric: String
    /// `nil` when the device gave none.
    package var unit: String?

    package init(id: Int64, device: String, room: String, metric: String, unit: String?) {
        self.id = id
        self.device = device
        self.room = room
        self.metric = metric
        self.unit = unit
    }

    static let columns = "id, device, room, metric, unit"

    init(_ row: Row) throws {
        id = try row.value(0)
        device = try row.value(1)
        room = try row.value(2)
        metric = try row.value(3)
        let unit: String = try row.value(4)
        self.unit = unit.isEmpty ? nil : unit
    }
}
