import AlertRules
import Core
import Telemetry
import WebServer

/// A review of settings that are valid one by one but have no effect together. `windsock check` prints its warnings.
package struct ConfigurationReview {
    private let configuration: GatewayConfiguration
    private let file: ConfigurationFile?

    /// - Parameter file: The configuration file that the routes come from.
    package init(_ configuration: GatewayConfiguration, file: ConfigurationFile?) {
        self.configuration = configuration
        self.file = file
    }

    /// Returns one line per warning: routes that no topic reaches, dashboards that stay empty, and alert rules for
    /// metrics that no route reads.
    package func warnings(_ dashboards: DashboardCatalog) -> [String] {
        shadowedRoutes + emptyDashboards(dashboards) + alertRulesWithoutMetric
    }

    /// Routes all of whose topics an earlier route takes. Default routes are left out: they are meant to be overridden.
    private var shadowedRoutes: [String] {
        let routes = file?.locatedRoutes ?? []
        return routes.enumerated().compactMap { index, located in
            let filter = located.route.filter.underlying
            guard let earlier = routes[..<index].first(where: { $0.route.filter.underlying.covers(filter) }) else {
                return nil
            }
            return "\(located.place): topic: the route \(located.route) is never used, because the earlier route "
                + "\(earlier.route) (\(earlier.place)) takes all its topics; put the narrower route first"
        }
    }

    private func emptyDashboards(_ dashboards: DashboardCatalog) -> [String] {
        let filled = configuration.routes.map(\.room)
        let rooms = filled.compactMap(\.filter)
        return dashboards.ids.compactMap { id in
            let wanted = dashboards.served.dashboard(id)?.rooms ?? []
            guard !wanted.contains(where: { room in rooms.contains { $0.overlaps(room) } }) else { return nil }
            var templates: [String] = []
            for template in filled.map(\.description) where !templates.contains(template) { templates.append(template) }
            return "\(configuration.dashboardsDirectory)/\(id).yaml: rooms: no route fills "
                + "\(wanted.map(\.rawValue).joined(separator: ", ")); the rooms of the routes are "
                + templates.joined(separator: ", ")
        }
    }

    /// Alert rules for unknown metrics. The metrics are known only if every route lists all that it reads.
    private var alertRulesWithoutMetric: [String] {
        let mappings = configuration.routes.map(\.mapping)
        guard mappings.allSatisfy({ $0?.listsAllMetrics == true }) else { return [] }
        let names = mappings.flatMap { $0?.metrics.map(\.name) ?? [] }
        return configuration.alertRules.compactMap { rule in
            // An object at a path gives several metrics below its name.
            let isKnown = names.contains { rule.metric == $0 || rule.metric.hasPrefix($0 + ".") }
            if isKnown { return nil }
            return "alert rule \(rule.name): metric: no route reads \"\(rule.metric)\"; the routes read "
                + Set(names).sorted().joined(separator: ", ")
        }
    }
}
