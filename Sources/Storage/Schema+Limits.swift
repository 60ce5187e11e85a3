extension Schema {
    /// The share of a message in `history.bytes`: its payload, and a round figure for its row and its place in two
    /// indices.
    static let messageBytes = "length(payload) + 128"

    /// The share of a notification in `history.notification_bytes`: its payload, and a round figure for its row and its
    /// place in five indices.
    static let notificationBytes = "length(payload) + 512"

    /// The first level of inboxes, as in `users/ada`.
    static let inboxPrefix = "users/"

    /// The offset after which the room `?1` begins if it has no row: its last one before it was removed, or the floor
    /// where no removal of it is remembered. So no offset that a client may hold is given out again.
    static let roomBeginning = """
        coalesce(
            (SELECT last_offset FROM removed_room WHERE name = ?1),
            (SELECT value FROM counter WHERE name = 'room_floor'))
        """

    /// Totals of rooms and messages, kept by triggers so that nobody has to count.
    ///
    /// `owner` is the user who made the room; empty for rooms of the gateway itself, and for inboxes of users who have
    /// been here. The counter `rooms` has all but such inboxes. `used_at` is when the last message came.
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

    /// `due_at` is the instant before which nobody is told that an alert fires; the index on `announced` finds the last
    /// alert of a rule and device of which people know, and counts those since. Of alerts that are over those go first of
    /// which nobody was told.
    static let alertPauses = """
        ALTER TABLE alert ADD COLUMN due_at INTEGER NOT NULL DEFAULT 0;

        DROP INDEX alert_unannounced;
        CREATE INDEX alert_unannounced ON alert (due_at) WHERE state = 'firing' AND announced = 0;
        CREATE INDEX alert_announced ON alert (rule, room, device, announced, number);
        CREATE INDEX alert_over ON alert (announced, number) WHERE state = 'resolved';
        """

    /// Where rooms ended that were removed, in the order of the removals: a room that returns goes on from there. The
    /// counter `room_floor` is the highest offset of those that were forgotten since.
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

    /// `number` counts a user's keys: those that are too many are found without counting.
    static let keyNumbers = """
        ALTER TABLE idempotency ADD COLUMN number INTEGER NOT NULL DEFAULT 0;

        CREATE INDEX idempotency_number ON idempotency (user, number);
        """

    /// Totals of notifications by the user who sent them, kept by triggers; `sender` is empty for the gateway itself. A
    /// sender without notifications has no row.
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

    /// `notifier` is the user who made the inbox of somebody who has never been here by a notification. Such an inbox has
    /// no owner, and so counts as nobody's room; `inboxes` counts them.
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
