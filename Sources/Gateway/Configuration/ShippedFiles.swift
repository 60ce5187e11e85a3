package import Core
package import Foundation
import YAML

/// The folders that come with Windsock: dashboards with the web page, example devices, and alert rules for them.
///
///     bin/windsock ──▶ share/windsock/dashboards      an installed program
///     .build/release/windsock ──▶ dashboards          a program in the checkout that it was built from
///
/// A folder of the same name in the working directory comes first if it holds YAML files. It is the user's own.
package struct ShippedFiles: Sendable {
    /// The files of the running program.
    package static let standard = ShippedFiles(
        executable: Bundle.main.executableURL ?? URL(filePath: CommandLine.arguments[0]))

    /// The parent folders that are searched, in this order.
    private let places: [String]

    /// - Parameter executable: The program's file. Symbolic links to it are followed.
    package init(executable: URL) {
        let folder = executable.resolvingSymlinksInPath().deletingLastPathComponent()
        var places = [folder.deletingLastPathComponent().appending(path: "share/windsock").path]
        var ancestor = folder
        while ancestor.path != "/" {
            if FileManager.default.fileExists(atPath: ancestor.appending(path: "Package.swift").path) {
                places.append(ancestor.path)
                break
            }
            ancestor.deleteLastPathComponent()
        }
        self.places = places
    }

    /// Returns the folder with this name that holds YAML files: the working directory's, or else the shipped one.
    ///
    /// - Throws: `Unavailable`, which names every folder that was tried.
    package func folder(_ name: String) throws(Unavailable) -> String {
        try first([name] + places.map { "\($0)/\(name)" }, of: name) {
            YAMLDocument.files(in: $0)?.isEmpty == false
        }
    }

    /// Returns the shipped folder with this name, regardless of the working directory.
    ///
    /// - Throws: `Unavailable`, which names every folder that was tried.
    package func original(_ name: String) throws(Unavailable) -> String {
        try first(places.map { "\($0)/\(name)" }, of: name) { YAMLDocument.files(in: $0)?.isEmpty == false }
    }

    /// Returns the folder of the web page: `web` in the folder of the dashboards, or else the shipped one.
    ///
    /// - Throws: `Unavailable`, which names every folder that was tried.
    package func page(of dashboards: String) throws(Unavailable) -> String {
        let folders = [dashboards] + (places + ["."]).map { "\($0)/dashboards" }
        return try first(folders.map { "\($0)/web" }, of: "web page") {
            FileManager.default.fileExists(atPath: "\($0)/index.html")
        }
    }

    private func first(
        _ candidates: [String], of what: String, where isFound: (String) -> Bool
    ) throws(Unavailable) -> String {
        if let found = candidates.first(where: isFound) { return found }
        throw Unavailable(description: "No \(what) found; searched: \(candidates.joined(separator: ", ")).")
    }
}
