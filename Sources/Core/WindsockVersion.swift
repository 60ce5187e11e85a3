/// Windsock's version, for `--version`, telemetry resources and the `User-Agent` of webhooks.
package enum WindsockVersion {
    package static let text = "0.1.0"
}
