package import Telemetry

/// Which alerts somebody asks for.
package struct AlertQuery: Sendable {
    /// None means all.
    package var states: [StoredAlert.State]
    package var device: String?
    package var room: String?
    package var rule: String?
    /// Those that were pending or firing at some time within.
    package var range: Range<Timestamp>?
    /// Only those that began before the alert with this id.
    package var before: String?
    package var limit: Int

    package init(
        states: [StoredAlert.State] = [], device: String? = nil, room: String? = nil, rule: String? = nil,
        range: Range<Timestamp>? = nil, before: String? = nil, limit: Int = 100
    ) {
        self.states = states
        self.device = device
        self.room = room
        self.rule = rule
        self.range = range
        self.before = before
        self.limit = limit
    }
}
