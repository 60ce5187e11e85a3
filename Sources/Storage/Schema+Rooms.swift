extension Schema {
    /// Payloads are the JSON that went over the wire.
    static let roomsAndNotifications = """
        CREATE TABLE setting (
            name TEXT PRIMARY KEY NOT NULL,
            value TEXT NOT NULL
        ) WITHOUT ROWID;

        CREATE TABLE room (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            last_offset INTEGER NOT NULL DEFAULT 0
        );

        CREATE TABLE message (
            room_id INTEGER NOT NULL REFERENCES room (id),
            offset INTEGER NOT NULL,
            message_id TEXT NOT NULL,
            type TEXT NOT NULL,
            payload BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            PRIMARY KEY (room_id, offset)
        ) WITHOUT ROWID;

        CREATE INDEX message_age ON message (created_at);

        CREATE TABLE idempotency (
            user TEXT NOT NULL,
            scope TEXT NOT NULL,
            key TEXT NOT NULL,
            message_id TEXT NOT NULL,
            offset INTEGER NOT NULL,
            content_digest BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            PRIMARY KEY (user, scope, key)
        ) WITHOUT ROWID;

        CREATE INDEX idempotency_age ON idempotency (created_at);

        CREATE TABLE user (
            name TEXT PRIMARY KEY NOT NULL,
            last_seen INTEGER NOT NULL
        ) WITHOUT ROWID;

        CREATE TABLE notification (
            user TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            notification_id TEXT NOT NULL,
            payload BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER,
            read_at INTEGER,
            PRIMARY KEY (user, sequence)
        ) WITHOUT ROWID;

        CREATE UNIQUE INDEX notification_identity ON notification (user, notification_id);
        CREATE INDEX notification_unread ON notification (user, sequence) WHERE read_at IS NULL;
        CREATE INDEX notification_age ON notification (created_at);
        """
}
