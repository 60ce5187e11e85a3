import Core
import Foundation
import MQTTTransport
import TestSupport
import YAML

@testable import DeviceSimulator

/// Device profiles written in the tests.
enum Profiles {
    /// Parses a profile from text.
    static func profile(_ yaml: String, path: String = "test.yaml") throws(ConfigurationError) -> DeviceProfile {
        try ProfileReader.profile(of: try YAMLDocument(path: path, text: yaml))
    }

    /// A JSON device with one metric and optional additional keys.
    static func json(_ more: String = "", waveform: String = "{counter: {}}") throws(ConfigurationError)
        -> DeviceProfile
    {
        try profile(
            """
            device: probe
            topic: sensors/{device}
            convention: json
            metrics:
              seq: {decimals: 3, waveform: \(waveform)}
            \(more)
            """)
    }

    /// The folder of the shipped device files.
    static var shippedFolder: String {
        get throws { try PackageRoot.directory.appending(path: "devices").path }
    }
}

extension VirtualDevice {
    /// Returns the steps up to an instant and their due times. The clock shows the time since the start of 2024.
    mutating func steps(until end: Duration) -> [(due: Duration, step: Step)] {
        var steps: [(Duration, Step)] = []
        while let due, due <= end { steps.append((due, advance(now: Self.start.advanced(by: due)))) }
        return steps
    }

    /// Returns the payloads up to an instant.
    mutating func payloads(until end: Duration) -> [String] {
        steps(until: end).flatMap { $0.step.publications.map { String(decoding: $0.payload, as: UTF8.self) } }
    }

    static var start: Timestamp { Timestamp(nanosecondsSinceEpoch: 1_704_067_200_000_000_000) }
}
