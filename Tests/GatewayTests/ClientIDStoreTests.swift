import Core
import Foundation
import TestSupport
import Testing

@testable import Gateway

@Suite("MQTT client id")
struct ClientIDStoreTests {
    @Test("The id is created once, in a file that only its owner can read")
    func kept() throws {
        let folder = try TemporaryFolder()
        let directory = folder.url.appending(path: "data").path
        let store = ClientIDStore(directory: directory, ids: RandomIDGenerator())
        let id = try store.clientID()
        #expect(try store.clientID() == id)
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(directory)/mqtt-client-id")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }
}
