import Foundation
import WebServer

extension GatewayConfiguration {
    /// Whose tokens are taken: signed with the secret, or by a key of the key set.
    static func tokens(
        _ settings: inout SettingsReader, secret: String?, telemetryRoots: Set<String>
    ) -> TokenConfiguration {
        var keys: JWKSource?
        if let text = settings.text(.jwtKeys) {
            do throws(JWKSource.Unusable) {
                keys = try JWKSource(text)
            } catch {
                settings.fail(.jwtKeys, "\(error)", instead: ())
            }
        }
        let audiences = (settings.text(.jwtAudiences) ?? "").split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        return TokenConfiguration(
            secret: secret, keys: keys,
            keyRefreshInterval: settings.duration(.jwtKeyRefresh, in: .seconds(10)...(.seconds(7 * 86_400))),
            issuer: settings.text(.jwtIssuer), audiences: audiences, telemetryRoots: telemetryRoots)
    }
}
