import Core
import Foundation
import Logging
import NIOCore
import Services

/// The validated dashboards of a folder, and the JSON body of `GET /api/dashboards`.
///
/// `docs/dashboards.md` documents the file format.
package struct DashboardCatalog: Sendable {
    static let maxFiles = 200

    /// The ids in navigation order: by `order`, then by id.
    package let ids: [String]
    /// `{"dashboards":[…]}` in navigation order, each with its id and the keys that its file sets.
    package let json: [UInt8]

    /// Reads every `*.yaml` file of the folder. A folder without such files gives an empty catalog; a `*.yml` file is
    /// an error.
    ///
    /// - Throws: ``ConfigurationErrors`` with all problems of all files, or when the folder cannot be read.
    package init(directory: String) throws(ConfigurationErrors) {
        var errors: [ConfigurationError] = []
        var dashboards: [DashboardFile] = []
        let folder = directory.hasSuffix("/") ? String(directory.dropLast()) : directory
        for name in try Self.fileNames(in: directory) {
            do throws(ConfigurationErrors) {
                guard name.hasSuffix(".yaml") else {
                    throw ConfigurationErrors([
                        ConfigurationError(
                            origin: "\(folder)/\(name)", problem: "the name of a dashboard file must end with .yaml")
                    ])
                }
                dashboards.append(try DashboardFile(path: "\(folder)/\(name)"))
            } catch {
                errors += error.errors
            }
        }
        guard errors.isEmpty else { throw ConfigurationErrors(errors) }
        dashboards.sort { ($0.order, $0.id) < ($1.order, $1.id) }
        ids = dashboards.map(\.id)
        var bytes: [UInt8] = []
        JSONValue.object([JSONMember(name: "dashboards", value: .array(dashboards.map(\.json)))]).append(to: &bytes)
        // The page compares these names with the names in readings, which are in NFC.
        json = Array(String(decoding: bytes, as: UTF8.self).inNormalForm.utf8)
    }

    /// Returns the `*.yaml` and `*.yml` files, sorted by name. Skips hidden files, which editors create.
    private static func fileNames(in directory: String) throws(ConfigurationErrors) -> [String] {
        guard let all = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
            throw ConfigurationErrors([
                ConfigurationError(
                    origin: ConfigurationOption.dashboardsDir.key,
                    problem: "the directory \(directory) cannot be read")
            ])
        }
        let names = all.filter { !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) }.sorted()
        guard names.count <= maxFiles else {
            throw ConfigurationErrors([
                ConfigurationError(
                    origin: directory, problem: "too many dashboards (\(names.count)); allowed: at most \(maxFiles)")
            ])
        }
        return names
    }
}

/// A dashboard file, validated against ``DashboardSchema`` and translated to JSON.
struct DashboardFile {
    static let maxBytes = 256 * 1024
    static let defaultOrder = 100

    /// The file name without its extension.
    let id: String
    let order: Int
    /// The id, and the file's keys under the same names.
    let json: JSONValue

    /// Reads and validates a file. Reads at most one byte more than ``maxBytes``, which is enough to detect a larger
    /// file.
    init(path: String) throws(ConfigurationErrors) {
        let url = URL(filePath: path)
        guard let data = try? FileHandle(forReadingFrom: url).read(upToCount: Self.maxBytes + 1) ?? Data() else {
            throw ConfigurationErrors([ConfigurationError(origin: path, problem: "the file cannot be read")])
        }
        guard data.count <= Self.maxBytes else {
            throw ConfigurationErrors([
                ConfigurationError(
                    origin: path, problem: "the file is too large; allowed: at most \(Self.maxBytes) bytes")
            ])
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ConfigurationErrors([ConfigurationError(origin: path, problem: "the file is not valid UTF-8")])
        }
        try self.init(path: path, id: url.deletingPathExtension().lastPathComponent, yaml: text)
    }

    /// Validates and translates YAML text; `path` appears in errors.
    init(path: String, id: String, yaml: String) throws(ConfigurationErrors) {
        var translation = SchemaTranslation(path: path)
        if !Self.isID(id) {
            translation.fail(
                nil, "", "the file name must be 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit")
        }
        guard let root = try YAMLDocument.root(of: yaml, path: path) else {
            throw ConfigurationErrors([ConfigurationError(origin: path, problem: "the file is empty")])
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

/// The dashboards being served. A reload replaces all of them at once. Thread-safe.
final class CurrentDashboards: Sendable {
    private let directory: String
    private let served: Lock<ByteBuffer>

    /// Loads the dashboards of a folder.
    ///
    /// - Throws: ``ConfigurationErrors`` with all problems of all files.
    init(directory: String) throws(ConfigurationErrors) {
        self.directory = directory
        served = Lock(ByteBuffer(bytes: try DashboardCatalog(directory: directory).json))
    }

    /// The body of the answer to `GET /api/dashboards`.
    var json: ByteBuffer { served.withLock { $0 } }

    /// Reloads the dashboards. If any file has a mistake, the old dashboards stay and the mistake is logged.
    func reload(logger: Logger) {
        do throws(ConfigurationErrors) {
            let new = try DashboardCatalog(directory: directory)
            served.withLock { $0 = ByteBuffer(bytes: new.json) }
            logger.notice("Dashboards were reloaded", metadata: ["dashboards": "\(new.ids.count)"])
        } catch {
            logger.error(
                "Dashboards could not be reloaded; the previous ones stay in use", metadata: ["error": "\(error)"])
        }
    }
}
