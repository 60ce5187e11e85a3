import Foundation
import Telemetry
import Yams

/// One dashboard's file, translated to JSON while it is checked against ``DashboardSchema``.
struct DashboardFile {
    static let defaultOrder = 100

    /// The file's name without its ending.
    let id: String
    let order: Int
    /// The file's keys under the same names, and the id.
    let json: JSONValue

    init(path: String) throws(ConfigurationErrors) {
        let url = URL(filePath: path)
        guard let text = try? String(contentsOf: url, encoding: .utf8) else {
            throw ConfigurationErrors([ConfigurationError(origin: path, problem: "The file cannot be read as UTF-8.")])
        }
        guard text.utf8.count <= DashboardCatalog.maxFileBytes else {
            throw ConfigurationErrors([
                ConfigurationError(
                    origin: path, problem: "The file has more than \(DashboardCatalog.maxFileBytes) bytes.")
            ])
        }
        try self.init(path: path, id: url.deletingPathExtension().lastPathComponent, yaml: text)
    }

    /// Translates YAML that is already there; `path` appears in errors.
    init(path: String, id: String, yaml: String) throws(ConfigurationErrors) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            throw ConfigurationErrors([ConfigurationError(origin: path, problem: "This is not YAML: \(error)")])
        }
        guard let root else {
            throw ConfigurationErrors([ConfigurationError(origin: path, problem: "The file is empty.")])
        }
        var translation = SchemaTranslation(path: path)
        if !Self.isID(id) {
            translation.fail(
                nil, "", "The file's name must be 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit.")
        }
        let value = translation.translate(root, as: DashboardSchema.dashboard, key: "")
        guard translation.errors.isEmpty, let members = value?.objectValue else {
            throw ConfigurationErrors(translation.errors)
        }
        self.id = id
        order = value?["order"]?.numberValue.map { Int($0) } ?? Self.defaultOrder
        json = .object([JSONMember(name: "id", value: .string(id))] + members)
    }

    private static func isID(_ id: String) -> Bool {
        let bytes = Array(id.utf8)
        guard (1...64).contains(bytes.count), bytes[0] != UInt8(ascii: "-"), bytes[0] != UInt8(ascii: "_") else {
            return false
        }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
