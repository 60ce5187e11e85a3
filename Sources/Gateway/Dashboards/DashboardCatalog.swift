package import Core
import Foundation
import Services
import Telemetry
import WebServer
import YAML

/// The validated dashboards of a folder, and the JSON body of `GET /api/dashboards`.
///
/// `docs/dashboards.md` documents the file format.
package struct DashboardCatalog: Sendable {
    static let maxFiles = 200

    /// The ids in navigation order: by `order`, then by id.
    package let ids: [String]
    /// `{"dashboards":[…]}` in navigation order, each with its id and the keys that its file sets.
    package let json: [UInt8]
    /// The dashboards for the web server.
    let served: ServedDashboards

    /// Reads every `*.yaml` file of the folder. A folder without such files gives an empty catalog; a `*.yml` file is
    /// an error.
    ///
    /// - Throws: ``ConfigurationError`` with all problems of all files, or when the folder cannot be read.
    package init(directory: String) throws(ConfigurationError) {
        guard let paths = YAMLDocument.files(in: directory) else {
            throw ConfigurationError(
                origin: ConfigurationOption.dashboardsDir.key, problem: "the directory \(directory) cannot be read")
        }
        guard paths.count <= Self.maxFiles else {
            throw ConfigurationError(
                origin: directory, problem: "too many dashboards (\(paths.count)); allowed: at most \(Self.maxFiles)")
        }
        var problems: [ConfigurationError.Problem] = []
        var dashboards: [DashboardFile] = []
        for path in paths {
            do {
                dashboards.append(try DashboardFile(path: path))
            } catch {
                problems += error.problems
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        dashboards.sort { ($0.order, $0.id) < ($1.order, $1.id) }
        ids = dashboards.map(\.id)
        json = Self.json(dashboards)
        served = ServedDashboards(
            json: json, dashboards.map { ServedDashboard(id: $0.id, rooms: $0.rooms, json: Self.json([$0])) })
    }

    private static func json(_ dashboards: [DashboardFile]) -> [UInt8] {
        var bytes: [UInt8] = []
        JSONValue.object([JSONMember(name: "dashboards", value: .array(dashboards.map(\.json)))]).append(to: &bytes)
        // The page compares these names with the names in readings, which are in NFC.
        return Array(String(decoding: bytes, as: UTF8.self).inNormalForm.utf8)
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

    /// The rooms and filters that the page joins, in NFC.
    var rooms: [TopicFilter] {
        (json["rooms"]?.arrayValue ?? []).compactMap { room in
            room.stringValue.flatMap { try? TopicFilter($0.inNormalForm) }
        }
    }

    /// Reads and validates a file.
    init(path: String) throws(ConfigurationError) {
        guard path.hasSuffix(".yaml") else {
            throw ConfigurationError(origin: path, problem: "the name of a dashboard file must end with .yaml")
        }
        try self.init(
            try YAMLDocument(contentsOf: path, maxBytes: Self.maxBytes),
            id: URL(filePath: path).deletingPathExtension().lastPathComponent)
    }

    /// Validates and translates YAML text; `path` appears in errors.
    init(path: String, id: String, yaml: String) throws(ConfigurationError) {
        try self.init(try YAMLDocument(path: path, text: yaml), id: id)
    }

    private init(_ document: YAMLDocument, id: String) throws(ConfigurationError) {
        document.acceptsQuotedNumbers = false
        if !Self.isID(id) {
            document.fail("the file name must be 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit")
        }
        let value = DashboardSchema.dashboard.json(of: try document.requiredRoot())
        try document.finish()
        self.id = id
        order = value?["order"]?.integerValue.map(Int.init) ?? Self.defaultOrder
        json = .object([JSONMember(name: "id", value: .string(id))] + (value?.objectValue ?? []))
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
    private let served: Lock<ServedDashboards>

    /// Loads the dashboards of a folder.
    ///
    /// - Throws: ``ConfigurationError`` with all problems of all files.
    init(directory: String) throws(ConfigurationError) {
        self.directory = directory
        served = Lock(try DashboardCatalog(directory: directory).served)
    }

    var current: ServedDashboards { served.withLock { $0 } }

    /// Reloads the dashboards, and returns their number. If any file has a mistake, the old dashboards stay.
    ///
    /// - Throws: ``ConfigurationError`` with all problems of all files.
    func reload() throws(ConfigurationError) -> Int {
        let new = try DashboardCatalog(directory: directory)
        served.withLock { $0 = new.served }
        return new.ids.count
    }
}
