import Foundation
import Telemetry

/// The dashboards of a folder, checked, and as the JSON that `GET /api/dashboards` answers.
package struct DashboardCatalog: Sendable {
    static let maxFiles = 200
    static let maxFileBytes = 256 * 1024

    /// In navigation order.
    package let ids: [String]
    /// `{"dashboards":[…]}` in navigation order.
    package let json: [UInt8]

    /// Reads every `*.yaml` of the folder; throws ``ConfigurationErrors`` with all problems of all files.
    package init(directory: String) throws(ConfigurationErrors) {
        var errors: [ConfigurationError] = []
        var dashboards: [DashboardFile] = []
        for name in try Self.fileNames(in: directory) {
            do throws(ConfigurationErrors) {
                dashboards.append(try DashboardFile(path: "\(directory)/\(name)"))
            } catch {
                errors += error.errors
            }
        }
        guard errors.isEmpty else { throw ConfigurationErrors(errors) }
        dashboards.sort { ($0.order, $0.id) < ($1.order, $1.id) }
        ids = dashboards.map(\.id)
        var bytes: [UInt8] = []
        JSONValue.object([JSONMember(name: "dashboards", value: .array(dashboards.map(\.json)))]).append(to: &bytes)
        json = bytes
    }

    private static func fileNames(in directory: String) throws(ConfigurationErrors) -> [String] {
        guard let all = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
            throw ConfigurationErrors([
                ConfigurationError(
                    origin: "dashboards_dir", problem: "The directory \(directory) cannot be read.")
            ])
        }
        let names = all.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted()
        guard names.count <= maxFiles else {
            throw ConfigurationErrors([
                ConfigurationError(
                    origin: directory, problem: "There are \(names.count) dashboards; at most \(maxFiles) are allowed.")
            ])
        }
        return names
    }
}
