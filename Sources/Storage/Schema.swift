import GRDB

/// The database schema as a list of named migrations. The list is append-only: released migrations never change.
///
/// Times are in nanoseconds since the epoch.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("rooms and notifications") { database in
            try database.execute(sql: roomsAndNotifications)
        }
        migrator.registerMigration("readings") { database in try database.execute(sql: readings) }
        migrator.registerMigration("alerts") { database in try database.execute(sql: alerts) }
        migrator.registerMigration("room totals") { database in try database.execute(sql: roomTotals) }
        migrator.registerMigration("alert pauses") { database in try database.execute(sql: alertPauses) }
        migrator.registerMigration("removed rooms") { database in try database.execute(sql: removedRooms) }
        migrator.registerMigration("idempotency numbers") { database in try database.execute(sql: keyNumbers) }
        migrator.registerMigration("notification senders") { database in try database.execute(sql: senderTotals) }
        migrator.registerMigration("senders' inboxes") { database in try database.execute(sql: senderInboxes) }
        migrator.registerMigration("shares") { database in try database.execute(sql: shares) }
        return migrator
    }

    /// Tables of settings, rooms, messages, users and notifications. Payloads are the JSON that was sent to clients.
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

    /// Tables of devices, readings, deliveries and dead letters.
    ///
    /// A reading has one row per metric, clustered by series and time. A chart reads neighbouring rows, and the oldest
    /// rows are at the beginning of each series. `sequence` distinguishes readings with equal times, which may also
    /// have equal values. It grows with every reading and is the same for all metrics of one reading.
    ///
    /// Ids of series are never reused (`AUTOINCREMENT`). A process that still holds the id of a removed series, such as
    /// an import, must not write into the series of another device.
    static let readings = """
        CREATE TABLE device (
            room TEXT NOT NULL,
            name TEXT NOT NULL,
            first_seen INTEGER NOT NULL,
            last_seen INTEGER NOT NULL,
            PRIMARY KEY (room, name)
        ) WITHOUT ROWID;

        CREATE TABLE series (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            device TEXT NOT NULL,
            room TEXT NOT NULL,
            metric TEXT NOT NULL,
            unit TEXT NOT NULL,
            UNIQUE (device, room, metric, unit)
        );

        CREATE TABLE reading (
            series_id INTEGER NOT NULL,
            time INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            value REAL NOT NULL,
            PRIMARY KEY (series_id, time, sequence)
        ) WITHOUT ROWID;

        CREATE TABLE counter (
            name TEXT PRIMARY KEY NOT NULL,
            value INTEGER NOT NULL
        ) WITHOUT ROWID;

        CREATE TABLE delivery (
            client_id TEXT NOT NULL,
            number INTEGER NOT NULL,
            entries BLOB NOT NULL,
            PRIMARY KEY (client_id, number)
        ) WITHOUT ROWID;

        CREATE TABLE dead_letter (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            topic TEXT NOT NULL,
            reason TEXT NOT NULL,
            detail TEXT NOT NULL,
            payload BLOB NOT NULL,
            payload_bytes INTEGER NOT NULL,
            count INTEGER NOT NULL,
            first_at INTEGER NOT NULL,
            last_at INTEGER NOT NULL,
            trace_id TEXT,
            UNIQUE (topic, reason)
        );

        CREATE INDEX dead_letter_age ON dead_letter (last_at);
        """

    /// Tables of alerts, silences and pending webhook events.
    ///
    /// An alert is one row for its whole life, from pending to resolved. `number` is the order in which alerts began.
    /// `traceparent` is that of the reading that made the condition hold. `announced` is set once users were notified.
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

    /// The table of dashboards' share links. It has only the hash of each token. `rooms` is a JSON array of filters.
    static let shares = """
        CREATE TABLE share (
            share_id TEXT PRIMARY KEY NOT NULL,
            token_digest BLOB NOT NULL UNIQUE,
            dashboard TEXT NOT NULL,
            rooms TEXT NOT NULL,
            name TEXT,
            created_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL
        ) WITHOUT ROWID;

        CREATE INDEX share_expiry ON share (expires_at);
        """
}
