import Foundation

/// What tells that a file has changed without reading it. Links are followed: a mounted secret is often swapped by one.
struct FileStamp: Equatable, Sendable {
    private let modifiedAt: Date?
    private let byteCount: UInt64?
    private let fileNumber: UInt64?

    /// `nil` when there is no such regular file.
    init?(path: String) {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let attributes = try? FileManager.default.attributesOfItem(atPath: target),
            attributes[.type] as? FileAttributeType == .typeRegular
        else { return nil }
        modifiedAt = attributes[.modificationDate] as? Date
        byteCount = (attributes[.size] as? NSNumber)?.uint64Value
        fileNumber = (attributes[.systemFileNumber] as? NSNumber)?.uint64Value
    }
}
