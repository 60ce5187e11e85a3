import Foundation
import Telemetry

/// The gateway's MQTT client id: random, made once, and kept in the data directory, so that a restarted gateway gets
/// the session back that the broker kept for it.
struct ClientIDStore {
    private static let fileName = "mqtt-client-id"

    let directory: String
    let ids: any IDGenerator

    /// The kept id, or a new one that is kept from now on. Makes the directory when it is not there.
    func clientID() throws(ConfigurationErrors) -> String {
        let path = "\(directory)/\(Self.fileName)"
        if let text = try? String(contentsOfFile: path, encoding: .utf8) {
            let id = text.trimmingCharacters(in: .whitespacesAndNewlines)
            if !id.isEmpty { return id }
        }
        let id = "windsock-\(ids.next())"
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try id.write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        } catch {
            throw ConfigurationErrors([
                ConfigurationError(
                    origin: "data_dir", problem: "The directory \(directory) cannot be written: \(error)")
            ])
        }
        return id
    }
}
