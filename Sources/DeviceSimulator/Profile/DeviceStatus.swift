/// The topic that says whether a device is there: a birth message after each connect, and the last will, which the
/// broker publishes when the connection is lost.
package struct DeviceStatus: Sendable, Hashable {
    package var topic: TopicTemplate
    package var online = "online"
    package var offline = "offline"
    /// Whether the broker keeps the latest status for those who subscribe later.
    package var retain = true
}
