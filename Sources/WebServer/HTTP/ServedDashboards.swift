package import NIOCore
package import Telemetry

/// The dashboards that the gateway serves, as JSON. A reload replaces all of them.
package struct ServedDashboards: Sendable {
    /// `{"dashboards":[]}`
    static let none = ByteBuffer(string: #"{"dashboards":[]}"#)

    /// `{"dashboards":[…]}` in navigation order. All answers share this buffer.
    package let json: ByteBuffer
    private let byID: [String: ServedDashboard]

    package init(json: [UInt8], _ dashboards: [ServedDashboard]) {
        self.json = ByteBuffer(bytes: json)
        byID = Dictionary(dashboards.map { ($0.id, $0) }) { first, _ in first }
    }

    /// Returns a dashboard; `nil` if none has that id.
    package func dashboard(_ id: String) -> ServedDashboard? { byID[id] }
}

/// One dashboard of ``ServedDashboards``.
package struct ServedDashboard: Sendable {
    package let id: String
    /// The rooms and filters that the dashboard's page joins.
    package let rooms: [TopicFilter]
    /// `{"dashboards":[…]}` with this dashboard only.
    package let json: ByteBuffer

    package init(id: String, rooms: [TopicFilter], json: [UInt8]) {
        self.id = id
        self.rooms = rooms
        self.json = ByteBuffer(bytes: json)
    }
}
