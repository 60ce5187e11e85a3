/// Messages that were read from the broker together and are acknowledged together.
package struct MQTTBatch: Sendable {
    /// In the order in which the broker sent them.
    package var messages: [MQTTMessage]
    /// Whether these are the first messages of a connection; what a session left open comes again with them.
    package var isFirstAfterConnect: Bool
    /// Whether the broker had kept the session for this connection.
    package var sessionPresent: Bool

    package init(messages: [MQTTMessage], isFirstAfterConnect: Bool = false, sessionPresent: Bool = false) {
        self.messages = messages
        self.isFirstAfterConnect = isFirstAfterConnect
        self.sessionPresent = sessionPresent
    }
}
