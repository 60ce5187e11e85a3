extension JSONWriter {
    /// Appends `timestamp` as an RFC 3339 string in quotes, the envelope's `timestamp`: UTC with milliseconds, such
    /// as `"2024-05-01T12:00:00.250Z"`.
    package static func appendRFC3339(_ timestamp: Timestamp, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        timestamp.appendRFC3339(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }
}
