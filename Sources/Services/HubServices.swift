/// What the hub's edge speaks to: one value, so that it is handed on as a whole.
package struct HubServices: Sendable {
    package var stream: DataStreamService
    package var history: RoomHistory
    package var chat: ChatService
    package var notifications: NotificationService
    package var readings: ReadingHistory
    package var deadLetters: DeadLetterService
    package var alerts: AlertService
    /// Where the traces of requests and commands begin.
    package var entry: EntryTracer

    package init(
        stream: DataStreamService, history: RoomHistory, chat: ChatService, notifications: NotificationService,
        readings: ReadingHistory, deadLetters: DeadLetterService, alerts: AlertService, entry: EntryTracer
    ) {
        self.entry = entry
        self.stream = stream
        self.history = history
        self.chat = chat
        self.notifications = notifications
        self.readings = readings
        self.deadLetters = deadLetters
        self.alerts = alerts
    }
}
