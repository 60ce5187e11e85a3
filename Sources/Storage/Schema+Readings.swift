extension Schema {
    /// A reading is one row for each of its metrics, clustered by series and time: a chart reads neighbouring rows, and
    /// what is too old stands at the beginning of its series. `sequence` tells readings of one instant apart, which may
    /// well be equal: it grows with every commit and is the same for all metrics of one reading.
    ///
    /// A series' number is never given again (`AUTOINCREMENT`): whoever still holds one that was removed, such as an
    /// import in another process, must not write into the series of another device.
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
}
