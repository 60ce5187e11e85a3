import Core
import Foundation
import YAML

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

    private let fields: YAMLMapping
    private let file: String?
    private var timeColumn: String?
    private var timeFormat = ReplayTimeFormat.auto
    private let speed: Speed?
    private let loops: Bool

    /// Reads the section from the file's root mapping. Returns `nil` if there is none.
    init?(_ root: YAMLMapping) {
        guard let fields = root["replay"]?.mapping() else { return nil }
        self.fields = fields
        file = fields.required("file", .text("the path of a CSV file, relative to the folder of this file"))
        if let time = fields["time"] {
            if time.isMapping, let time = time.mapping() {
                timeColumn = time.required("column", .text("the name of the time column"))
                timeFormat = time.read("format", .choice(of: ReplayTimeFormat.self)) ?? .auto
            } else {
                timeColumn = time.read(.text("the name of the time column, or {column: Date, format: auto}"))
            }
        }
        let number = ValueFormat.number(in: Self.speeds)
        speed = fields.read(
            "speed",
            ValueFormat("\(number.allowed), or max") { $0 == "max" ? .unpaced : number.parse($0).map(Speed.times) })
        loops = fields.read("loop", .bool) ?? false
        if case .times = speed, timeColumn == nil {
            fields["speed"]?.reject(allowed: "only with \"time\"; without it, \"interval\" sets the pace")
        }
    }

    /// Reads the columns that the metrics use. Returns `nil` and reports a problem when the CSV file cannot be
    /// replayed.
    ///
    /// - Parameter interval: The time between rows if the file has no time column; `nil` for 1 s.
    func replay(of metrics: [MetricProfile], interval: Duration?) -> Replay? {
        guard let file else { return nil }
        let columns = Set(
            metrics.compactMap { metric in
                if case .column(let name) = metric.source { name } else { nil }
            })
        if columns.isEmpty {
            fields.value.fail("nothing is replayed; give at least one metric a \"column\"")
            return nil
        }
        let document = fields.value.document
        let folder = URL(filePath: document.path).deletingLastPathComponent()
        let path = file.hasPrefix("/") ? file : folder.appending(path: file).path
        do {
            let table = try ReplayTable(path: path, columns: columns, timeColumn: timeColumn, timeFormat: timeFormat)
            return Replay(table: table, pace: pace(interval: interval), loops: loops)
        } catch {
            document.fail(error)
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
