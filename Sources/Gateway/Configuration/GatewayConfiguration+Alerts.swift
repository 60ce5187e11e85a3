import AlertRules
import Core
import Foundation
import Services
import Webhooks
import YAML

extension GatewayConfiguration {
    /// Returns the rules of the configuration file and of the files in `alerts_dir`, in that order.
    ///
    /// - Parameter telemetryRoots: First levels of telemetry rooms. Rules must not notify these rooms.
    static func alertRules(
        _ settings: inout SettingsReader, _ file: ConfigurationFile?, telemetryRoots: Set<String>
    ) -> [AlertRule] {
        var located = file?.alertRules ?? []
        for path in alertFiles(&settings) {
            do {
                located += try AlertRuleReader.rules(inFile: path)
            } catch {
                settings.record(error)
            }
        }
        var places: [String: String] = [:]
        for rule in located {
            if let other = places[rule.rule.name] {
                settings.record(
                    ConfigurationError(
                        origin: rule.place, key: "name",
                        problem: "duplicate rule \"\(rule.rule.name)\", first defined at \(other)"))
            }
            places[rule.rule.name] = rule.place
            for room in rule.rule.recipients.rooms where telemetryRoots.contains(Self.root(of: room)) {
                settings.record(
                    ConfigurationError(
                        origin: rule.place, key: "notify.rooms",
                        problem:
                            "\"\(room)\" is a telemetry room without history; expected a room such as chat/ops"))
            }
        }
        if located.count > AlertRuleReader.maxRules {
            settings.fail(
                .alertsDir, "too many rules (\(located.count)); allowed: at most \(AlertRuleReader.maxRules)",
                instead: ())
        }
        return located.map(\.rule)
    }

    private static func root(of room: String) -> String { String(room.prefix { $0 != "/" }) }

    /// Returns the YAML files of `alerts_dir`, sorted by name. A missing folder is an error only when the setting was
    /// set explicitly.
    private static func alertFiles(_ settings: inout SettingsReader) -> [String] {
        let folder = settings.text(.alertsDir) ?? ""
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
            guard settings.origin(of: .alertsDir) == "default" else {
                return settings.fail(.alertsDir, "the folder \(folder) does not exist", instead: [])
            }
            return []
        }
        return YAMLDocument.files(in: folder)
            ?? settings.fail(.alertsDir, "the folder \(folder) cannot be read", instead: [])
    }

    /// Returns the validated webhook configuration; `nil` when no URL is set.
    static func webhook(_ settings: inout SettingsReader) -> WebhookConfiguration? {
        let secret = settings.secret(.webhookSecret, file: .webhookSecretFile)
        let allowsPrivate = settings.flag(.webhookPrivate)
        guard let url = settings.text(.webhookURL) else { return nil }
        do throws(WebhookError) {
            let webhook = try WebhookConfiguration(
                url: url, secret: secret?.value, allowsPrivateAddresses: allowsPrivate)
            if let problem = refusal(of: webhook) { return settings.fail(.webhookURL, problem, instead: nil) }
            return webhook
        } catch .secretTooShort(let byteCount) {
            return settings.fail(
                secret?.option ?? .webhookSecret, "\(WebhookError.secretTooShort(byteCount: byteCount))",
                instead: nil)
        } catch {
            return settings.fail(.webhookURL, "\(error)", instead: nil)
        }
    }

    /// Returns why no event could ever be delivered to the webhook, if its host is a literal address. Names are
    /// resolved, and checked, for every delivery.
    private static func refusal(of webhook: WebhookConfiguration) -> String? {
        guard let address = IPAddress(webhook.url.host),
            !AddressPolicy(allowsPrivateAddresses: webhook.allowsPrivateAddresses).allows(address)
        else { return nil }
        let scope = AddressScope(of: address)
        let isAllowable = AddressPolicy(allowsPrivateAddresses: true).allows(address)
        let advice =
            isAllowable
            ? "set \(ConfigurationOption.webhookPrivate.key) to on to allow it"
            : "allowed: a public address\(webhook.allowsPrivateAddresses ? ", or one in a private network" : "")"
        return "\(webhook.url.host) is a \(scope.rawValue) address; \(advice)"
    }
}
