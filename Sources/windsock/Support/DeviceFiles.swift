import Foundation

/// The device files of a folder.
enum DeviceFiles {
    /// All `*.yaml` there, sorted; an error when there is none.
    static func all(in folder: String) throws -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let paths = names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted().map { "\(folder)/\($0)" }
        guard !paths.isEmpty else { throw Unavailable(description: "There is no device file in \(folder)/.") }
        return paths
    }
}
