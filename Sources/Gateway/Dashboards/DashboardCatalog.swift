import Core
import Foundation
import Services
import Telemetry

/// The dashboards of a folder, checked, and as the JSON that `GET /api/dashboards` answers.
///
/// `docs/dashboards.md` documents the files.
package struct DashboardCatalog: Sendable {
    static let maxFiles = 200

    /// In navigation order: by `order`, then by id.
    package let ids: [String]
    /// `{"dashboards":[…]}` in navigation order, each with its id and the keys that its file sets.
    package let json: [UInt8]

    /// Reads every `*.yaml` of the folder; one without such files is an empty catalog.
    ///
    /// Throws ``ConfigurationErrors`` with all problems of all files, or that there is no such folder.
    package init(directory: String) throws(ConfigurationErrors) {
        var errors: [ConfigurationError] = []
        var dashboards: [DashboardFile] = []
        let folder = directory.hasSuffix("/") ? String(directory.dropLast()) : directory
        for name in try Self.fileNames(in: directory) {
            do throws(ConfigurationErrors) {
                guard name.hasSuffix(".yaml") else {
                    throw ConfigurationErrors([
                        ConfigurationError(
                            origin: "\(folder)/\(name)", problem: "The name of a dashboard's file must end with .yaml.")
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
        // The page compares names with those of readings.
        json = Array(String(decoding: bytes, as: UTF8.self).inNormalForm.utf8)
    }

    /// The files that are, or were meant to be, dashboards; hidden ones are an editor's.
    private static func fileNames(in directory: String) throws(ConfigurationErrors) -> [String] {
        guard let all = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
            throw ConfigurationErrors([
                ConfigurationError(
                    origin: ConfigurationOption.dashboardsDir.key,
                    problem: "The directory \(directory) cannot be read.")
            ])
        }
        let names = all.filter { !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) }.sorted()
        guard names.count <= maxFiles else {
            throw ConfigurationErrors([
                ConfigurationError(
                    origin: directory, problem: "There are \(names.count) dashboards; at most \(maxFiles) are allowed.")
            ])
        }
        return names
    }
}
