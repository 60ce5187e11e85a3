import Foundation
import Yams

/// The `replay` section of a device file, before the CSV file is read.
///
///     replay:
///       file: data/office.csv
///       time: {column: time, format: auto}
///       speed: 60
///       loop: true
struct ReplaySection {
    /// The allowed replay speeds, as multiples of real time.
    private static let speeds: ClosedRange<Double> = 0.001...1e6

    private enum Speed {
        case times(Double)
        case unpaced
    }

    private let reader: MappingReader
    private let file: String?
    private var timeColumn: String?
    private var timeFormat = ReplayTimeFormat.auto
    private let speed: Speed?
    private let loops: Bool

    /// Reads the section from the file's root mapping. Returns `nil` if there is none. Problems are reported to the
    /// ``ProblemCollector`` of `root`.
    init?(_ root: inout MappingReader) {
        guard var fields = root.mapping("replay") else { return nil }
        file = fields.requiredText("file", "the path of a CSV file, relative to the folder of this file")
        if let node = fields.value("time") {
            if node.mapping != nil, var time = fields.mapping("time") {
                timeColumn = time.requiredText("column", "the name of the time column")
                timeFormat = time.choice("format", of: ReplayTimeFormat.self) ?? .auto
                time.finish()
            } else {
                timeColumn = fields.text("time")
            }
        }
        speed = Self.speed(&fields)
        loops = fields.bool("loop") ?? false
        if let node = fields.value("speed"), case .times = speed, timeColumn == nil {
            fields.wrong(node, "speed", allowed: "only with 'time'; without it, 'interval' sets the pace") as Void?
        }
        fields.finish()
        reader = fields
    }

    private static func speed(_ fields: inout MappingReader) -> Speed? {
        guard let node = fields.value("speed") else { return nil }
        if node.scalar?.string == "max" { return .unpaced }
        return MappingReader.number(node, in: speeds).map(Speed.times)
            ?? fields.wrong(node, "speed", allowed: "a number \(MappingReader.describe(speeds)), or max")
    }

    /// Reads the columns that the metrics use. Returns `nil` and reports a problem when the CSV file cannot be
    /// replayed.
    ///
    /// - Parameters:
    ///   - profilePath: The device file. Relative CSV paths start from its folder.
    ///   - interval: The time between rows if the file has no time column; `nil` for 1 s.
    func replay(of metrics: [MetricProfile], profilePath: String, interval: Duration?) -> Replay? {
        guard let file else { return nil }
        let columns = Set(
            metrics.compactMap { metric in
                if case .column(let name) = metric.source { name } else { nil }
            })
        if columns.isEmpty {
            reader.problems.add(
                "nothing is replayed; give at least one metric a 'column'", at: reader.node, key: reader.path)
            return nil
        }
        let folder = URL(filePath: profilePath).deletingLastPathComponent()
        let path = file.hasPrefix("/") ? file : folder.appending(path: file).path
        do throws(ProfileError) {
            let table = try ReplayTable(path: path, columns: columns, timeColumn: timeColumn, timeFormat: timeFormat)
            return Replay(table: table, pace: pace(interval: interval), loops: loops)
        } catch {
            for problem in error.problems {
                reader.problems.add(problem.message, line: problem.line, key: problem.key, path: path)
            }
            return nil
        }
    }

    private func pace(interval: Duration?) -> Replay.Pace {
        switch speed {
        case .unpaced: .unpaced
        case .times(let speed): .speed(speed)
        case nil: timeColumn == nil ? .interval(interval ?? .seconds(1)) : .speed(1)
        }
    }
}
