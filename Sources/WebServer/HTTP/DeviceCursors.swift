import Crypto
import Foundation
import Services

/// The `next` of a page of devices, which says where the following page begins.
///
/// A page may end at a device of a room that its token must not learn of. Such a place is encrypted, with a key that lasts
/// as long as the process: after a restart the list has to be begun anew.
struct DeviceCursors: Sendable {
    private static let paddedByteCount = 256

    private let key = SymmetricKey(size: .bits256)

    /// - Parameter isShown: Whether the place may be read by the client.
    func cursor(of place: DevicePlace, isShown: Bool) -> String {
        guard !isShown else { return place.cursor }
        // Padded, so that its length says nothing either. Without a slash, which every place has.
        var text = Data(place.cursor.utf8)
        text.append(contentsOf: repeatElement(0, count: Self.paddedByteCount - text.count % Self.paddedByteCount))
        return (try? AES.GCM.seal(text, using: key).combined).map { Base64URL.encode([UInt8]($0)) }
            ?? ""
    }

    /// Reads a cursor back; `nil` when it is none, or one of another process.
    func place(of cursor: String) -> DevicePlace? {
        if let place = DevicePlace(cursor: cursor) { return place }
        guard let bytes = Base64URL.decode(cursor), let box = try? AES.GCM.SealedBox(combined: bytes),
            let text = try? AES.GCM.open(box, using: key)
        else { return nil }
        return DevicePlace(cursor: String(decoding: text.prefix { $0 != 0 }, as: UTF8.self))
    }
}
