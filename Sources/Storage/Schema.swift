import GRDB

/// The tables, as a list of named migrations that is only ever added to: what was released is never changed.
///
/// Times are nanoseconds since the epoch.
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
        return migrator
    }
}
