import Foundation
import Storage
import TestSupport
import Testing

@testable import Gateway

@Suite("Data directory lock")
struct DataDirectoryLockTests {
    @Test("A second gateway on a directory is rejected until the first has released it")
    func second() throws {
        let folder = try TemporaryFolder()
        let directory = folder.url.appending(path: "data").path
        do {
            let first = try DataDirectoryLock(directory: directory)
            let error = #expect(throws: StorageError.self) { try DataDirectoryLock(directory: directory) }
            #expect(error == .notOpened(file: directory, .inUse))
            #expect(error?.description.contains("Another gateway uses this data directory") == true)
            for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
                try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
            }
            #expect(throws: StorageError.self, "the lock does not depend on the directory's contents") {
                try DataDirectoryLock(directory: directory)
            }
            withExtendedLifetime(first) {}
        }
        let second = try DataDirectoryLock(directory: directory)
        second.release()
        #expect(throws: Never.self) { try DataDirectoryLock(directory: directory) }
    }
}
