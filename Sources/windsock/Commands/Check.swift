import ArgumentParser
import Core
import DeviceSimulator
import Foundation
import Gateway
import Telemetry

/// The command `windsock check`, which finds mistakes in device files, dashboards and the configuration.
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check device files, dashboards and the configuration.",
        discussion: """
            Prints one line per problem: file:line: key: what is wrong and what is allowed. Without files, it checks all \
            of devices/, the dashboards, and windsock.yaml with the environment. It also warns about routes, dashboards \
            and alert rules that have no effect.

            With --payload and --topic, it shows how the routes with their mappings, and each payload convention, decode \
            a message.
            """)

    @Argument(help: "Device files to check; default: all files in devices/.")
    var files: [String] = []

    @Option(help: "A file that contains an MQTT payload; - for standard input.")
    var payload: String?

    @Option(help: "The topic of the payload.")
    var topic: String?

    @OptionGroup var settings: SettingsOptions

    func validate() throws {
        guard (payload == nil) == (topic == nil) else {
            throw ValidationError("--payload and --topic must be used together.")
        }
    }

    func run() async throws {
        if let payload, let topic { return try await Exit.reporting { try check(payload, topic) } }
        var problems: [String] = []
        var warnings: [String] = []
        var checked: [String] = []
        let devices = files.isEmpty ? (try? DeviceFiles.all(in: DeviceFiles.folderName)) ?? [] : files
        if !devices.isEmpty {
            do {
                let profiles = try DeviceProfile.load(devices)
                let count = profiles.reduce(0) { $0 + $1.deviceNames.count }
                checked.append("\(Self.count(count, "device")) in \(Self.count(devices.count, "file"))")
            } catch {
                problems.append("\(error)")
            }
        }
        if files.isEmpty { checkConfiguration(&problems, &warnings, &checked) }
        for warning in warnings { Console.error("Warning: \(warning)") }
        for problem in problems { Console.error(problem) }
        guard problems.isEmpty else { throw Exit.configuration }
        Console.print("OK: \(checked.isEmpty ? "nothing to check" : checked.joined(separator: ", "))")
    }

    private func check(_ payload: String, _ topic: String) throws {
        let file = payload == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: payload)
        guard let file else { throw Unavailable(description: "The file \(payload) cannot be read.") }
        let bytes = [UInt8](try file.readToEnd() ?? Data())
        let configuration = try GatewayConfiguration(try settings.sources())
        let (lines, isAccepted) = PayloadCheck(configuration: configuration, topic: topic, payload: bytes)
            .report(at: SystemWallClock().now())
        for line in lines { Console.print(line) }
        guard isAccepted else { throw ExitCode.failure }
    }

    private func checkConfiguration(_ problems: inout [String], _ warnings: inout [String], _ checked: inout [String]) {
        do {
            let sources = try settings.sources()
            let configuration = try GatewayConfiguration(sources)
            checked.append(Self.count(configuration.routes.count, "route"))
            checked.append(Self.count(configuration.alertRules.count, "alert rule"))
            try configuration.requireDashboards()
            let catalog = try DashboardCatalog(directory: configuration.dashboardsDirectory)
            checked.append(Self.count(catalog.ids.count, "dashboard"))
            warnings = ConfigurationReview(configuration, file: sources.file).warnings(catalog)
        } catch {
            problems.append("\(error)")
        }
    }

    private static func count(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}

/// A report of how the routes and each payload convention decode a payload, for `windsock check --payload FILE --topic
/// T`.
struct PayloadCheck {
    let configuration: GatewayConfiguration
    let topic: String
    let payload: [UInt8]

    /// Returns the lines of the report, and whether the gateway would accept the message.
    func report(at now: Timestamp) -> (lines: [String], isAccepted: Bool) {
        var lines = ["\(payload.count) bytes on \(topic)"]
        var decoder = TelemetryDecoder(
            routes: configuration.routes, statusRoutes: configuration.statusRoutes,
            limits: configuration.decodingLimits)
        var isAccepted = false
        var ignored: [IgnoredField] = []
        do throws(DecodeError) {
            switch try decoder.decodeMessage(
                topic: topic, payload: payload, receivedAt: now, reportIgnored: { ignored += $0.fields })
            {
            case .readings(let readings):
                isAccepted = true
                lines.append("decoded as \(readings.count == 1 ? "a reading" : "\(readings.count) readings"):")
                lines += readings.map(Self.text)
            case .status(let report):
                isAccepted = true
                lines.append(Self.text(report))
            case .statuses(let reports):
                isAccepted = true
                lines += reports.map(Self.text)
            case .clearedStatus:
                isAccepted = true
                lines.append("decoded as a cleared status")
            case .ignored: lines.append("ignored: \(DecodeError.notAReading(topic: topic))")
            }
        } catch {
            if case .dropped = error { isAccepted = true }
            lines.append("not decoded (\(error.reason)): \(error)")
        }
        if !ignored.isEmpty {
            lines.append("ignored: \(ignored.map { "\($0.name) (\($0.kind.rawValue))" }.joined(separator: ", "))")
        }
        if let pattern = decoder.pattern(ofTopic: topic) {
            let isMapped = match?.route.mapping != nil
            lines.append("matched by the route \(pattern)\(isMapped ? ", which maps the payload" : "")")
        }
        lines.append("Result of each convention:")
        lines += trials(at: now).map { "  \($0.convention.rawValue): \($0.text)" }
        return (lines, isAccepted)
    }

    /// The first route that matches the topic, with its captures.
    private var match: (route: TopicRoute, captures: [String: String])? {
        configuration.routes.lazy.compactMap { route in
            route.captures(in: topic).map { (route: route, captures: $0) }
        }.first
    }

    /// Decodes the payload by every convention. Device and metric come from the first route that matches the topic, even
    /// if that route uses another convention.
    private func trials(at now: Timestamp) -> [ConventionTrial] {
        let captures = match?.captures ?? [:]
        let context = DecodingContext(
            topic: topic, device: captures["device"].flatMap { DeviceID($0) }, metric: captures["metric"],
            rest: match?.route.rest(of: topic), receivedAt: now,
            allowsForeignDevices: match?.route.allowsForeignDevices ?? false,
            limits: configuration.decodingLimits)
        return ConventionTrial.all(of: payload, context: context)
    }

    private static func text(_ report: StatusReport) -> String {
        "decoded as a status: \(report.device) is \(report.isOnline ? "online" : "offline")"
    }

    private static func text(_ reading: Reading) -> String {
        let time = reading.implausibleDeviceTime == nil ? "" : ", implausible device time ignored"
        return "  \(reading.device) in \(reading.room) at \(reading.time.rfc3339)"
            + "\(reading.hasDeviceTime ? "" : " (receive time)")\(time): "
            + reading.metrics.map(\.text).joined(separator: ", ")
    }
}
