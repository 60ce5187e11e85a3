import ArgumentParser
import DeviceSimulator
import Foundation
import Gateway
import Telemetry

/// `windsock check`: finds mistakes in devices, dashboards and configuration before they cost anything.
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check device files, dashboards and the configuration.",
        discussion: """
            Every problem is one line: file:line: key: what is wrong and what is allowed. Without files, all of \
            devices/ and the dashboards are checked, and windsock.yaml with the environment.

            With --payload and --topic: what the routes, and each convention, make of a message.
            """)

    @Argument(help: "Device files to check; all of devices/ when none is named.")
    var files: [String] = []

    @Option(help: "A file that holds an MQTT payload; - is standard input.")
    var payload: String?

    @Option(help: "The topic that the payload came on.")
    var topic: String?

    @OptionGroup var settings: SettingsOptions

    func validate() throws {
        guard (payload == nil) == (topic == nil) else {
            throw ValidationError("--payload and --topic belong together.")
        }
    }

    func run() async throws {
        if let payload, let topic { return try await Exit.reporting { try check(payload, topic) } }
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

    private func check(_ payload: String, _ topic: String) throws {
        let file = payload == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: payload)
        guard let file else { throw Unavailable(description: "The file \(payload) cannot be read.") }
        let bytes = [UInt8](try file.readToEnd() ?? Data())
        let configuration = try GatewayConfiguration(try settings.sources())
        let (lines, isTaken) = PayloadCheck(configuration: configuration, topic: topic, payload: bytes)
            .report(at: SystemWallClock().now())
        for line in lines { Console.print(line) }
        guard isTaken else { throw ExitCode.failure }
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
