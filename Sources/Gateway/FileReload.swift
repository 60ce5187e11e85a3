import AlertRules
import Core
import Foundation
import Logging
import MQTTTransport
import ServiceLifecycle
import Services
import Telemetry
import WebServer
import YAML

/// Reloads dashboards, alert rules and routes, when their files change and on request.
///
///     stamps of the files ──changed, and settled──▶ dashboards/ ──────────────▶ CurrentDashboards
///                                               └▶ windsock.yaml, alerts/ ──▶ AlertService, IngestPipeline, MQTTClient
///
/// The previous content stays in use when a file has a mistake. The mistake is logged, and ``problem`` tells of it until
/// a reload succeeds. Thread-safe.
final class FileReload: Service {
    /// The components that use the files' content.
    struct Targets: Sendable {
        let dashboards: CurrentDashboards
        let alerts: AlertService
        let pipeline: IngestPipeline
        let client: MQTTClient
        let discovery: TopicDiscovery?
        let deadLetters: DeadLetterService
        let shares: ShareStore
        let entities: EntityDiscovery?
    }

    typealias Stamps = [String: FileStamp]

    /// The keys of settings that a reload applies. The other settings keep their values until a restart.
    private static let reloadedKeys: Set<String> = [ConfigurationOption.statusTopics.key]

    /// A group of files that are reloaded together.
    private enum Group: CaseIterable {
        case dashboards, settings
    }

    private struct Files {
        /// The files as they were when they were last loaded.
        var loaded: Stamps
        /// The files as they were at the last check.
        var seen: Stamps
    }

    private struct State {
        var files: [Group: Files] = [:]
        /// The settings in use.
        var rules: [AlertRule]
        var routes: [TopicRoute]
        var statusRoutes: [StatusRoute]
        var file: ConfigurationFile?
    }

    private let interval: Duration
    private let sources: GatewayConfiguration.Sources?
    private let folders: (dashboards: String, alerts: String)
    private let targets: Targets
    private let logger: Logger
    /// Held during a reload, so that two do not overlap.
    private let state: Lock<State>
    private let routesInUse: Lock<[TopicRoute]>
    private let problems = Lock<[Group: String]>([:])

    /// - Parameters:
    ///   - configuration: The settings that are in use.
    ///   - sources: Their sources, which are read again; `nil` when alert rules and routes are never reloaded.
    ///   - dashboardStamps: The files of the dashboards as they were before they were loaded.
    ///   - interval: The time between two checks for changed files.
    init(
        _ configuration: GatewayConfiguration, sources: GatewayConfiguration.Sources?, targets: Targets,
        dashboardStamps: Stamps, interval: Duration = .seconds(2), logger: Logger
    ) {
        self.interval = interval
        self.sources = sources
        self.targets = targets
        self.logger = logger
        folders = (configuration.dashboardsDirectory, configuration.alertsDirectory)
        routesInUse = Lock(configuration.routes)
        state = Lock(
            State(
                rules: configuration.alertRules, routes: configuration.routes,
                statusRoutes: configuration.statusRoutes, file: sources?.file))
        state.withLock { state in
            state.files[.dashboards] = Files(loaded: dashboardStamps, seen: stamps(of: .dashboards))
            var settings: Stamps = [:]
            if let sources {
                settings = configuration.alertStamps
                if let file = sources.file { settings[file.path] = file.stamp }
            }
            state.files[.settings] = Files(loaded: settings, seen: stamps(of: .settings))
        }
    }

    /// Checks the files regularly until a graceful shutdown.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: self.interval)) != nil {
                for group in Group.allCases { self.reloadIfChanged(group) }
            }
        }
    }

    /// Reloads everything, changed or not.
    func reload() {
        for group in Group.allCases {
            state.withLock { state in
                state.files[group]?.loaded = stamps(of: group)
                reload(group, &state)
            }
        }
    }

    /// The mistake that keeps earlier files in use, with the name and line of the file but none of its content; `nil` when
    /// there is none.
    var problem: String? {
        let problems = problems.withLock { $0 }
        let texts = Group.allCases.compactMap { problems[$0] }
        return texts.isEmpty ? nil : texts.joined(separator: " ")
    }

    /// The routes in use. A running reload does not delay the answer.
    var routes: [TopicRoute] { routesInUse.withLock { $0 } }

    // MARK: Watching

    /// Reloads the files if they have changed since they were loaded, but not while they still change: an editor may be
    /// writing them.
    private func reloadIfChanged(_ group: Group) {
        let stamps = stamps(of: group)
        state.withLock { state in
            guard let files = state.files[group] else { return }
            state.files[group]?.seen = stamps
            guard stamps == files.seen, stamps != files.loaded else { return }
            state.files[group]?.loaded = stamps
            reload(group, &state)
        }
    }

    private func stamps(of group: Group) -> Stamps {
        let paths: [String]
        switch group {
        case .dashboards: paths = YAMLDocument.files(in: folders.dashboards) ?? []
        case .settings:
            if sources == nil { return [:] }
            paths = [sources?.file?.path].compactMap(\.self) + (YAMLDocument.files(in: folders.alerts) ?? [])
        }
        return Stamps(paths: paths)
    }

    // MARK: Loading

    private func reload(_ group: Group, _ state: inout State) {
        do throws(ConfigurationError) {
            switch group {
            case .dashboards:
                let old = targets.dashboards.current
                let count = try targets.dashboards.reload()
                targets.shares.dashboardsReplaced(from: old)
                logger.notice("Dashboards were reloaded", metadata: ["dashboards": "\(count)"])
            case .settings:
                try reloadSettings(&state)
            }
            problems.withLock { $0[group] = nil }
        } catch {
            let subject = group == .dashboards ? "Dashboards" : "Alert rules and routes"
            logger.error(
                "\(subject) could not be reloaded; the previous ones stay in use", metadata: ["error": "\(error)"])
            let text = "\(subject) could not be reloaded (\(Self.place(of: error))); the previous ones stay in use."
            problems.withLock { $0[group] = text }
        }
    }

    private func reloadSettings(_ state: inout State) throws(ConfigurationError) {
        guard var sources else { return }
        let start = sources.file
        let read = try start.map { file throws(ConfigurationError) in try ConfigurationFile(path: file.path) }
        if let start, let read {
            sources.file = read
            // Mistakes are found in all settings, also in those that need a restart.
            _ = try GatewayConfiguration(sources)
            sources.file = read.keepingSettings(of: start, except: Self.reloadedKeys)
        }
        let new = try GatewayConfiguration(sources)
        // Tokens and rooms depend on these levels: a change would let clients publish to rooms of readings.
        guard new.routes.telemetryRoots == state.routes.telemetryRoots else {
            let (roots, earlier) = (new.routes.telemetryRoots.sorted(), state.routes.telemetryRoots.sorted())
            throw ConfigurationError(
                origin: sources.file?.origin(of: "routes") ?? "routes",
                problem: "rooms of readings now begin with \(roots.joined(separator: ", ")) instead of "
                    + "\(earlier.joined(separator: ", ")); restart the gateway to apply this")
        }
        if new.alertRules != state.rules {
            targets.alerts.replaceRules(new.alertRules)
            state.rules = new.alertRules
            logger.notice("Alert rules were reloaded", metadata: ["rules": "\(new.alertRules.count)"])
        }
        if new.routes != state.routes || new.statusRoutes != state.statusRoutes {
            let update = targets.entities?.replaceBase(new.entityBase)
            targets.pipeline.replaceRoutes(
                new.routes, statusRoutes: new.statusRoutes, discovered: update?.topics)
            targets.client.replaceSubscriptions(update?.subscriptions ?? new.mqtt.subscriptions)
            targets.discovery?.exclude(new.takenFilters)
            targets.deadLetters.replaceRoutes(new.routes, statusRoutes: new.statusRoutes)
            routesInUse.withLock { $0 = new.routes }
            (state.routes, state.statusRoutes) = (new.routes, new.statusRoutes)
            logger.notice("Routes were reloaded", metadata: ["routes": "\(new.routes.count)"])
        }
        let changed = Self.changedKeys(from: state.file, to: read, since: start)
        if !changed.isEmpty {
            logger.notice(
                "Some changed settings take effect only after a restart",
                metadata: ["settings": "\(changed.joined(separator: ", "))"])
        }
        state.file = read
    }

    /// Returns the keys of changed settings that take effect after a restart: those whose values differ from the
    /// previous version of the file and from the version that the gateway started with. Routes and rules are not among
    /// them.
    private static func changedKeys(
        from old: ConfigurationFile?, to new: ConfigurationFile?, since start: ConfigurationFile?
    ) -> [String] {
        let (old, new, start) = (old?.scalars ?? [:], new?.scalars ?? [:], start?.scalars ?? [:])
        return Set(old.keys).union(new.keys).subtracting(reloadedKeys).filter { key in
            ![old[key]?.text, start[key]?.text].contains(new[key]?.text)
        }.sorted()
    }

    /// Returns the file and line of the first problem. Everybody may read it in `/readyz`, so it has no folder and no
    /// content.
    private static func place(of error: ConfigurationError) -> String {
        guard let first = error.problems.first else { return "" }
        let name = first.origin.split(separator: "/").last.map(String.init) ?? first.origin
        let more = error.problems.count > 1 ? ", and \(error.problems.count - 1) more" : ""
        return name + (first.line.map { ":\($0)" } ?? "") + more
    }
}

extension [String: FileStamp] {
    /// Reads the stamps of files. Those that do not exist have none.
    init(paths: [String]) {
        self.init(paths.compactMap { path in FileStamp(path: path).map { (path, $0) } }) { first, _ in first }
    }
}

extension Readiness.Check {
    /// Tells of files that could not be reloaded. The gateway is ready all the same.
    static func files(_ reload: FileReload) -> Readiness.Check? {
        reload.problem.map { Readiness.Check(name: "configuration", isReady: true, status: "outdated", reason: $0) }
    }
}
