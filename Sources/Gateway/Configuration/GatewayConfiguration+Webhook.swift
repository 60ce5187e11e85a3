import Services

extension GatewayConfiguration {
    /// Where alerts are posted to, checked; `nil` when no URL is set.
    static func webhook(_ settings: inout SettingsReader) -> WebhookConfiguration? {
        let secret = settings.secret(.webhookSecret, file: .webhookSecretFile)
        let allowsPrivate = settings.flag(.webhookPrivate)
        guard let url = settings.text(.webhookURL) else { return nil }
        do throws(WebhookConfigurationError) {
            return try WebhookConfiguration(
                url: url, secret: secret?.value, allowsPrivateAddresses: allowsPrivate,
                maxWaiting: AlertService.maxWaitingEvents)
        } catch .secretTooShort(let byteCount) {
            return settings.fail(
                secret?.option ?? .webhookSecret, "\(WebhookConfigurationError.secretTooShort(byteCount: byteCount))",
                instead: nil)
        } catch {
            return settings.fail(.webhookURL, "\(error)", instead: nil)
        }
    }
}
