/// Which Windsock this is: for `--version`, and for whoever gets its telemetry.
package enum WindsockVersion {
    package static let text = "0.1.0"
}
