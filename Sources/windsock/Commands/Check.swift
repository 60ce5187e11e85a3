import ArgumentParser
import DeviceSimulator
import Foundation
import Gateway

/// `windsock check`: finds mistakes in devices, dashboards and configuration before they cost anything.
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check device files, dashboards and the configuration.",
        discussion: """
            Every problem is one line: file:line: key: what is wrong and what is allowed. Without files, all of \
            devices/ and the dashboards are checked, and windsock.yaml with the environment.
            """)

    @Argument(help: "Device files to check; all of devices/ when none is named.")
    var files: [String] = []

    @OptionGroup var settings: SettingsOptions

    func run() async throws {
        var problems: [String] = []
        var checked: [String] = []
        let devices = files.isEmpty ? (try? DeviceFiles.all(in: "devices")) ?? [] : files
        if !devices.isEmpty {
            do {
                let profiles = try DeviceProfile.load(devices)
                checked.append("\(profiles.reduce(0) { $0 + $1.deviceNames.count }) devices in \(devices.count) files")
            } catch {
                problems.append("\(error)")
            }
        }
        if files.isEmpty { checkConfiguration(&problems, &checked) }
        for problem in problems { Console.error(problem) }
        guard problems.isEmpty else { throw Exit.configuration }
        Console.print("OK: \(checked.isEmpty ? "nothing to check" : checked.joined(separator: ", "))")
    }

    private func checkConfiguration(_ problems: inout [String], _ checked: inout [String]) {
        do {
            let configuration = try GatewayConfiguration(try settings.sources())
            checked.append("configuration")
            let catalog = try DashboardCatalog(directory: configuration.dashboardsDirectory)
            checked.append("\(catalog.ids.count) dashboards")
        } catch {
            problems.append("\(error)")
        }
    }
}
