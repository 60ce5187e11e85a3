import Foundation
import Telemetry

extension GatewayConfiguration {
    /// How long a device may be silent; `nil` for ever.
    static func offlineAfter(_ settings: inout SettingsReader) -> Duration? {
        if settings.text(.offlineAfter) == "off" { return nil }
        return settings.duration(.offlineAfter, in: .seconds(1)...(.seconds(365 * 86_400)))
    }

    /// Where devices say whether they are there; each must lead to a room that a route puts readings into.
    ///
    /// When none are set, the well-known ones, as far as the routes subscribe to them anyway: the broker may refuse
    /// what nobody asked for.
    static func statusRoutes(_ settings: inout SettingsReader, routes: [TopicRoute]) -> [StatusRoute] {
        if settings.text(.statusTopics) == ConfigurationOption.statusTopics.defaultValue {
            guard routes != TopicRoute.defaults else { return StatusRoute.defaults }
            return StatusRoute.defaults.filter { status in routes.contains { $0.filter.covers(status.filter) } }
        }
        let texts = (settings.text(.statusTopics) ?? "").split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        return texts.compactMap { text in
            do throws(StatusRouteError) {
                let route = try StatusRoute(pattern: text)
                guard !route.rooms(of: routes).isEmpty else {
                    return settings.fail(
                        .statusTopics, "No route puts readings into a room that \"\(text)\" can name.", instead: nil)
                }
                return route
            } catch {
                return settings.fail(.statusTopics, "\(error)", instead: nil)
            }
        }
    }
}
