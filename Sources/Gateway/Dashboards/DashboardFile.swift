import Foundation
import Telemetry

/// One dashboard's file, translated to JSON while it is checked against ``DashboardSchema``.
struct DashboardFile {
    static let maxBytes = 256 * 1024
    static let defaultOrder = 100

    /// The file's name without its ending.
    let id: String
    let order: Int
    /// The file's keys under the same names, and the id.
    let json: JSONValue

    /// Reads a file; never more of it than a dashboard may have.
    init(path: String) throws(ConfigurationErrors) {
        let url = URL(filePath: path)
        guard let data = try? FileHandle(forReadingFrom: url).read(upToCount: Self.maxBytes + 1) ?? Data() else {
            throw ConfigurationErrors([ConfigurationError(origin: path, problem: "The file cannot be read.")])
        }
        guard data.count <= Self.maxBytes else {
            throw ConfigurationErrors([
                ConfigurationError(origin: path, problem: "The file has more than \(Self.maxBytes) bytes.")
            ])
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ConfigurationErrors([ConfigurationError(origin: path, problem: "The file is not UTF-8.")])
        }
        try self.init(path: path, id: url.deletingPathExtension().lastPathComponent, yaml: text)
    }

    /// Translates YAML that is already there; `path` appears in errors.
    init(path: String, id: String, yaml: String) throws(ConfigurationErrors) {
        var translation = SchemaTranslation(path: path)
        if !Self.isID(id) {
            translation.fail(
                nil, "", "The file's name must be 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit.")
        }
        guard let root = try YAMLDocument.root(of: yaml, path: path) else {
            throw ConfigurationErrors([ConfigurationError(origin: path, problem: "The file is empty.")])
        }
        let value = translation.translate(root, as: DashboardSchema.dashboard, key: "")
        guard translation.errors.isEmpty, let members = value?.objectValue else {
            throw ConfigurationErrors(translation.errors)
        }
        self.id = id
        order = value?["order"]?.integerValue.map(Int.init) ?? Self.defaultOrder
        json = .object([JSONMember(name: "id", value: .string(id))] + members)
    }

    private static func isID(_ id: String) -> Bool {
        guard (1...64).contains(id.utf8.count), id.first != "-", id.first != "_" else { return false }
        return id.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
