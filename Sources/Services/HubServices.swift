/// The services behind the client-facing edge (WebSocket and HTTP), bundled so that they can be passed around together.
package struct HubServices: Sendable {
    package var stream: DataStreamService
    package var history: RoomHistory
    package var chat: ChatService
    package var notifications: NotificationService
    package var readings: ReadingHistory
    package var lastMessages: LastMessages
    package var deadLetters: DeadLetterService
    /// The payload fields of devices that became no metric.
    package var ignoredFields: IgnoredFields
    package var alerts: AlertService
    /// The tracer that starts the traces of requests and commands.
    package var entry: EntryTracer

    package init(
        stream: DataStreamService, history: RoomHistory, chat: ChatService, notifications: NotificationService,
        readings: ReadingHistory, lastMessages: LastMessages, deadLetters: DeadLetterService,
        ignoredFields: IgnoredFields = IgnoredFields(), alerts: AlertService,
        entry: EntryTracer
    ) {
        self.entry = entry
        self.stream = stream
        self.history = history
        self.chat = chat
        self.notifications = notifications
        self.readings = readings
        self.lastMessages = lastMessages
        self.deadLetters = deadLetters
        self.ignoredFields = ignoredFields
        self.alerts = alerts
    }
}
