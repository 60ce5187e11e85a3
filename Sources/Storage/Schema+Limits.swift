extension Schema {
    /// SQL for the bytes that a message counts towards the setting `history.bytes`: its payload plus an estimate for
    /// its row and two index entries.
    static let messageBytes = "length(payload) + 128"

    /// SQL for the bytes that a notification counts towards the setting `history.notification_bytes`: its payload plus
    /// an estimate for its row and five index entries.
    static let notificationBytes = "length(payload) + 512"

    /// The first level of inboxes, as in `users/ada`.
    static let inboxPrefix = "users/"

    /// SQL for the offset that precedes the first message of the room `?1` if the room has no row: its last offset
    /// before it was removed or, if that is no longer known, the `room_floor`. Offsets that a client may still hold are
    /// thus never reused.
    static let roomBeginning = """
        coalesce(
            (SELECT last_offset FROM removed_room WHERE name = ?1),
            (SELECT value FROM counter WHERE name = 'room_floor'))
        """

    /// Totals of rooms and messages, maintained by triggers so that no query has to count.
    ///
    /// `owner` is the user who created the room. It is empty for the gateway's own rooms and for inboxes of users who
    /// have been connected. The counter `rooms` includes all rooms except inboxes without an owner. `used_at` is the
    /// time of the last message.
    static let roomTotals = """
        ALTER TABLE room ADD COLUMN owner TEXT NOT NULL DEFAULT '';
        ALTER TABLE room ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE room ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE room ADD COLUMN messages INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE room ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;

        UPDATE room SET (messages, bytes, used_at) = (
            SELECT count(*), coalesce(sum(\(messageBytes)), 0), coalesce(max(message.created_at), 0)
            FROM message WHERE room_id = room.id);

        CREATE INDEX room_bytes ON room (bytes);
        CREATE INDEX room_idle ON room (used_at) WHERE messages = 0;
        CREATE INDEX room_owner ON room (owner, created_at) WHERE owner <> '';
        CREATE INDEX notification_expiry ON notification (expires_at) WHERE expires_at IS NOT NULL;

        INSERT INTO counter (name, value) VALUES
            ('message_bytes', (SELECT coalesce(sum(bytes), 0) FROM room)),
            ('rooms', (SELECT count(*) FROM room WHERE \(isCounted("room")))),
            ('room_floor', 0);

        CREATE TRIGGER message_added AFTER INSERT ON message BEGIN
            UPDATE room SET messages = messages + 1, bytes = bytes + \(bytes(of: "NEW")) WHERE id = NEW.room_id;
            UPDATE counter SET value = value + \(bytes(of: "NEW")) WHERE name = 'message_bytes';
        END;
        CREATE TRIGGER message_removed AFTER DELETE ON message BEGIN
            UPDATE room SET messages = messages - 1, bytes = bytes - (\(bytes(of: "OLD"))) WHERE id = OLD.room_id;
            UPDATE counter SET value = value - (\(bytes(of: "OLD"))) WHERE name = 'message_bytes';
        END;
        CREATE TRIGGER room_added AFTER INSERT ON room BEGIN
            UPDATE counter SET value = value + (\(isCounted("NEW"))) WHERE name = 'rooms';
        END;
        CREATE TRIGGER room_given AFTER UPDATE OF owner ON room BEGIN
            UPDATE counter SET value = value + (\(isCounted("NEW"))) - (\(isCounted("OLD"))) WHERE name = 'rooms';
        END;
        CREATE TRIGGER room_removed AFTER DELETE ON room BEGIN
            UPDATE counter SET value = value - (\(isCounted("OLD"))) WHERE name = 'rooms';
            UPDATE counter SET value = max(value, OLD.last_offset) WHERE name = 'room_floor';
        END;
        """

    /// A column and indices for the pause between two notifications of users about a rule and device.
    ///
    /// `due_at` is the earliest time at which users may be notified of a firing alert; the alert is then `announced`.
    /// The index `alert_announced` finds the last announced alert of a rule and device, and counts later ones that were
    /// not announced. `alert_over` orders resolved alerts for deletion: those never announced come first.
    static let alertPauses = """
        ALTER TABLE alert ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;

        DROP INDEX alert_unannounced;
        CREATE INDEX alert_unannounced ON alert (due_at) WHERE state = 'firing' AND announced = 0;
        CREATE INDEX alert_announced ON alert (rule, room, device, announced, number);
        CREATE INDEX alert_over ON alert (announced, number) WHERE state = 'resolved';
        """

    /// The last offsets of removed rooms, in the order of removal. A room that is created again continues from there.
    /// The counter `room_floor` is the highest offset of the removals that have been forgotten since.
    static let removedRooms = """
        CREATE TABLE removed_room (
            number INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            last_offset INTEGER NOT NULL
        );

        DROP TRIGGER room_added;
        CREATE TRIGGER room_added AFTER INSERT ON room BEGIN
            UPDATE counter SET value = value + (\(isCounted("NEW"))) WHERE name = 'rooms';
            DELETE FROM removed_room WHERE name = NEW.name;
        END;
        DROP TRIGGER room_removed;
        CREATE TRIGGER room_removed AFTER DELETE ON room BEGIN
            UPDATE counter SET value = value - (\(isCounted("OLD"))) WHERE name = 'rooms';
            INSERT INTO removed_room (name, last_offset) VALUES (OLD.name, OLD.last_offset);
        END;
        """

    /// A column that numbers each user's idempotency keys consecutively, so that excess keys are found without
    /// counting.
    static let keyNumbers = """
        ALTER TABLE idempotency ADD COLUMN number INTEGER NOT NULL DEFAULT 0;

        CREATE INDEX idempotency_number ON idempotency (user, number);
        """

    /// Totals of notifications by sender, maintained by triggers. `sender` is empty for the gateway itself. A sender
    /// without notifications has no row.
    static let senderTotals = """
        ALTER TABLE notification ADD COLUMN sender TEXT NOT NULL DEFAULT '';

        CREATE INDEX notification_sender ON notification (sender, created_at);

        CREATE TABLE sender (
            name TEXT PRIMARY KEY NOT NULL,
            bytes INTEGER NOT NULL
        ) WITHOUT ROWID;

        CREATE INDEX sender_bytes ON sender (bytes);

        INSERT INTO counter (name, value)
            SELECT 'notification_bytes', coalesce(sum(\(notificationBytes)), 0) FROM notification;
        INSERT INTO sender (name, bytes)
            SELECT '', value FROM counter WHERE name = 'notification_bytes' AND value > 0;

        CREATE TRIGGER notification_added AFTER INSERT ON notification BEGIN
            INSERT OR IGNORE INTO sender (name, bytes) VALUES (NEW.sender, 0);
            UPDATE sender SET bytes = bytes + \(bytes(of: "NEW", notificationBytes)) WHERE name = NEW.sender;
            UPDATE counter SET value = value + \(bytes(of: "NEW", notificationBytes))
            WHERE name = 'notification_bytes';
        END;
        CREATE TRIGGER notification_removed AFTER DELETE ON notification BEGIN
            UPDATE sender SET bytes = bytes - (\(bytes(of: "OLD", notificationBytes))) WHERE name = OLD.sender;
            UPDATE counter SET value = value - (\(bytes(of: "OLD", notificationBytes)))
            WHERE name = 'notification_bytes';
        END;
        CREATE TRIGGER sender_done AFTER UPDATE ON sender WHEN NEW.bytes <= 0 BEGIN
            DELETE FROM sender WHERE name = NEW.name;
        END;
        """

    /// `notifier` is the user whose notification created the inbox of a user who has never been connected. Such an
    /// inbox has no owner, so it counts towards nobody's rooms. `sender.inboxes` is the number of inboxes that the
    /// sender's notifications created.
    static let senderInboxes = """
        ALTER TABLE room ADD COLUMN notifier TEXT NOT NULL DEFAULT '';
        ALTER TABLE sender ADD COLUMN inboxes INTEGER NOT NULL DEFAULT 0;

        CREATE TRIGGER inbox_added AFTER INSERT ON room WHEN NEW.notifier <> '' BEGIN
            INSERT OR IGNORE INTO sender (name, bytes) VALUES (NEW.notifier, 0);
            UPDATE sender SET inboxes = inboxes + 1 WHERE name = NEW.notifier;
        END;
        CREATE TRIGGER inbox_given AFTER UPDATE OF notifier ON room WHEN OLD.notifier <> NEW.notifier BEGIN
            UPDATE sender SET inboxes = inboxes - 1 WHERE name = OLD.notifier;
        END;
        CREATE TRIGGER inbox_removed AFTER DELETE ON room WHEN OLD.notifier <> '' BEGIN
            UPDATE sender SET inboxes = inboxes - 1 WHERE name = OLD.notifier;
        END;
        DROP TRIGGER sender_done;
        CREATE TRIGGER sender_done AFTER UPDATE ON sender WHEN NEW.bytes <= 0 AND NEW.inboxes <= 0 BEGIN
            DELETE FROM sender WHERE name = NEW.name;
        END;
        """

    private static func isCounted(_ row: String) -> String {
        "\(row).owner <> '' OR \(row).name NOT GLOB '\(inboxPrefix)*'"
    }

    private static func bytes(of row: String, _ bytes: String = messageBytes) -> String {
        bytes.replacing("payload", with: "\(row).payload")
    }
}
