import Foundation
import Storage
import TestSupport
import Testing

@testable import Gateway

@Suite("One gateway a data directory")
struct DataDirectoryLockTests {
    @Test("A second gateway is refused by name; when the first has gone, the directory is free")
    func second() throws {
        let folder = try TemporaryFolder()
        let directory = folder.url.appending(path: "data").path
        do {
            let first = try DataDirectoryLock(directory: directory)
            let error = #expect(throws: StorageError.self) { try DataDirectoryLock(directory: directory) }
            #expect(error?.problem == .inUse)
            #expect(error?.description.contains("Another gateway uses this data directory") == true)
            for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
                try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
            }
            #expect(throws: StorageError.self, "nothing in it gives it up") {
                try DataDirectoryLock(directory: directory)
            }
            withExtendedLifetime(first) {}
        }
        let second = try DataDirectoryLock(directory: directory)
        second.release()
        #expect(throws: Never.self) { try DataDirectoryLock(directory: directory) }
    }
}
