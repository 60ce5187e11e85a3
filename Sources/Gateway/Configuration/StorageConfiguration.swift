package import Storage

/// How readings are kept.
package struct StorageConfiguration: Sendable {
    package var durability: Durability
    package var retention: RetentionPolicy
    /// Time for which a clock that has leapt forward makes nothing too old.
    package var clockHold: Duration
    /// Metrics of all devices that are stored.
    package var maxSeries: Int
    /// Dead letters that are kept.
    package var maxDeadLetters: Int
}

extension GatewayConfiguration {
    static func storage(_ settings: inout SettingsReader) -> StorageConfiguration {
        StorageConfiguration(
            durability: settings.choice(
                .durability, Durability.allCases.map { ($0.rawValue, $0) }, fallback: .normal),
            retention: RetentionPolicy(
                maxAge: settings.duration(.readingsAge, in: .seconds(60)...(.seconds(100 * 365 * 86_400))),
                maxBytes: Int64(settings.integer(.readingsBytes, in: (1 << 20)...(1 << 50)))),
            clockHold: settings.duration(.clockHold, in: .zero...(.seconds(30 * 86_400))),
            maxSeries: settings.integer(.series, in: 1...100_000_000),
            maxDeadLetters: settings.integer(.deadLetters, in: 1...1_000_000))
    }
}
