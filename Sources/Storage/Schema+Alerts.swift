extension Schema {
    /// An alert is one row from its pending to its end; `number` is the order in which they began. `traceparent`
    /// is the reading's that made the condition hold; `announced` tells whether people know of it. Rows of
    /// `webhook_event` wait to be delivered.
    static let alerts = """
        CREATE TABLE alert (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            alert_id TEXT NOT NULL UNIQUE,
            rule TEXT NOT NULL,
            title TEXT NOT NULL,
            severity TEXT NOT NULL,
            device TEXT NOT NULL,
            room TEXT NOT NULL,
            metric TEXT NOT NULL,
            unit TEXT,
            value REAL,
            state TEXT NOT NULL,
            condition TEXT NOT NULL,
            message TEXT NOT NULL,
            pending_at INTEGER NOT NULL,
            fired_at INTEGER,
            resolved_at INTEGER,
            told_at INTEGER,
            acknowledged_at INTEGER,
            acknowledged_by TEXT,
            trace_id TEXT,
            traceparent TEXT,
            announced INTEGER NOT NULL DEFAULT 0
        );

        CREATE INDEX alert_active ON alert (state) WHERE state <> 'resolved';
        CREATE INDEX alert_unannounced ON alert (number) WHERE state = 'firing' AND announced = 0;
        CREATE INDEX alert_device ON alert (device, number);
        CREATE INDEX alert_age ON alert (resolved_at);

        CREATE TABLE alert_silence (
            rule TEXT NOT NULL,
            room TEXT NOT NULL,
            device TEXT NOT NULL,
            until INTEGER NOT NULL,
            user TEXT NOT NULL,
            PRIMARY KEY (rule, room, device)
        ) WITHOUT ROWID;

        CREATE TABLE webhook_event (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            event_id TEXT NOT NULL UNIQUE,
            body BLOB NOT NULL,
            traceparent TEXT,
            attempts INTEGER NOT NULL DEFAULT 0,
            due_at INTEGER NOT NULL,
            created_at INTEGER NOT NULL
        );
        """
}
