/// A field of a payload that became no metric, because it is a text or an array and no rule takes it.
package struct IgnoredField: Hashable, Sendable {
    /// The maximum number of fields that are reported for one message.
    package static let maximumCount = 16
    /// The maximum length of a reported name in bytes. Longer names are truncated.
    package static let maximumNameByteCount = 64

    /// The kind of a field's value. The raw values appear in the API.
    package enum Kind: String, Hashable, Sendable {
        case string
        case array
    }

    /// The name that a metric of this field would have.
    package let name: String
    package let kind: Kind

    package init(_ name: String, _ kind: Kind) {
        self.name = Self.truncated(name)
        self.kind = kind
    }

    private static func truncated(_ name: String) -> String {
        guard name.utf8.count > maximumNameByteCount else { return name }
        var end = name.utf8.index(name.startIndex, offsetBy: maximumNameByteCount)
        while end.samePosition(in: name.unicodeScalars) == nil { end = name.utf8.index(before: end) }
        return String(name.unicodeScalars[..<end])
    }
}

/// The ignored fields of a reading. A message may have several readings.
package struct IgnoredFieldReport: Hashable, Sendable {
    package let device: DeviceID
    /// The room of the reading.
    package let room: String
    /// At least one field.
    package let fields: [IgnoredField]

    package init(device: DeviceID, room: String, fields: [IgnoredField]) {
        self.device = device
        self.room = room
        self.fields = fields
    }
}
