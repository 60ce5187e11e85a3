import Core
import Foundation
import TestSupport
import Testing

@testable import Gateway

@Suite("The gateway's MQTT client id")
struct ClientIDStoreTests {
    @Test("It is made once, and its file is for its owner alone: who knows it can take the session away")
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
