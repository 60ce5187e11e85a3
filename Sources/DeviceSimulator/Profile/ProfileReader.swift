import Foundation
import MQTTTransport
import Telemetry
import Yams

/// Reads one device file. Finds all that is wrong with it before it gives up.
struct ProfileReader {
    /// Each device is a connection of its own.
    static let maximumCount = 10_000
    /// The most metrics of a device: as many as a gateway takes from one message.
    static let maximumMetricCount = 256
    /// The most samples of one burst.
    static let maximumBurst = 100_000
    /// The times from one sample to the next.
    static let intervals: ClosedRange<Duration> = .milliseconds(1) ... .seconds(30 * 86_400)

    let path: String
    let problems: ProblemCollector

    init(path: String) {
        self.path = path
        problems = ProblemCollector(path: path)
    }

    /// The profile of the file's text; throws everything that is wrong with it.
    func profile(of text: String) throws(ProfileError) -> DeviceProfile {
        let profile = root(of: text).flatMap(read)
        if let error = problems.error() { throw error }
        guard let profile else {
            // Every way to have no profile reports a problem; this keeps the promise if one ever does not.
            throw ProfileError(problems: [ProfileProblem(path: path, message: "the file is no device file")])
        }
        return profile
    }

    private func root(of text: String) -> Node? {
        do {
            if let node = try Yams.compose(yaml: text), node.scalar?.string.isEmpty != true { return node }
            problems.add("the file is empty; it needs at least device, topic, convention and metrics")
        } catch let error as YamlError {
            let (line, message) = YAMLFailure.describe(error)
            problems.add("the file is not YAML: \(message)", line: line)
        } catch {
            problems.add("the file is not YAML: \(error)")
        }
        return nil
    }

    private func read(_ root: Node) -> DeviceProfile? {
        guard var reader = MappingReader(root, path: "", problems: problems) else { return nil }
        defer { reader.finish() }
        let names = deviceNames(&reader)
        let format = reader.requiredChoice("convention", of: PayloadFormat.self)
        let topic = template("topic", &reader, example: "sensors/{device}")
        let section = ReplaySection(&reader)
        let metrics = MetricReader(problems: problems).metrics(&reader, hasReplay: section != nil)
        let withUnits = reader.bool("units")
        let qos = reader.integer("qos", in: 0...1)
        let retain = reader.bool("retain")
        let interval = reader.span("interval", in: Self.intervals)
        let jitter = reader.span("jitter", in: .zero...Self.intervals.upperBound)
        let seed = reader.integer("seed", in: 0...Int.max)
        let stamps = reader.choice("stamps", of: DeviceProfile.StampSource.self)
        let dropRate = reader.number("drop_rate", in: 0...0.99)
        let burst = burst(&reader)
        let offline = offline(&reader)
        let clockSkew = clockSkew(&reader)
        let status = status(&reader, of: topic)
        let replay = section?.replay(of: metrics, profilePath: path, interval: interval)

        guard let format, let topic, !names.isEmpty, !metrics.isEmpty else { return nil }
        let profile = DeviceProfile(
            path: path, deviceNames: names, topic: topic, format: format, withUnits: withUnits ?? false,
            qos: qos == 0 ? .atMostOnce : .atLeastOnce, retain: retain ?? false, interval: interval ?? .seconds(1),
            jitter: jitter ?? .zero, seed: UInt64(seed ?? 0), stamps: stamps ?? (format.carriesTime ? .now : .none),
            dropRate: dropRate ?? 0, burst: burst, offline: offline, clockSkew: clockSkew, status: status,
            metrics: metrics, replay: replay)
        ProfileRules(profile: profile, reader: reader).check()
        return profile
    }
}
