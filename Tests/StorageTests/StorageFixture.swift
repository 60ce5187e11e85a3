import Core
import Foundation
import Storage

/// A data directory that is deleted with the fixture.
final class StorageFixture {
    let directory: String

    init() {
        directory = FileManager.default.temporaryDirectory.appending(path: "windsock-storage-\(UUID().uuidString)").path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    var file: String { "\(directory)/\(Database.fileName)" }

    func open() throws -> Database { try Database(directory: directory) }
}

/// Returns the timestamp that many seconds after the epoch.
func at(_ seconds: Int64) -> Timestamp { Timestamp(nanosecondsSinceEpoch: seconds * 1_000_000_000) }

extension StorageTransaction {
    /// Adds a message whose payload is `{"n":…}`.
    @discardableResult
    func say(_ number: Int, in room: String, at now: Timestamp = at(1)) throws -> Int64 {
        try append(
            to: room, messageID: "m\(number)", type: "chat_message", payload: Array("{\"n\":\(number)}".utf8), at: now)
    }

    func notify(
        _ id: String, _ user: UserID, from sender: UserID? = nil, at now: Timestamp = at(1), expires: Timestamp? = nil,
        maxPerUser: Int = 100
    ) throws {
        let notification = StoredNotification(
            notificationID: id, payload: Array("{}".utf8), createdAt: now, expiresAt: expires)
        try add(notification, for: user, from: sender, maxPerUser: maxPerUser)
    }
}
