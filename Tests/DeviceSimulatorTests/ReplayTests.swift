import Core
import Foundation
import MQTTTransport
import TestSupport
import Testing

@testable import DeviceSimulator

@Suite("Replay of recorded readings")
struct ReplayTests {
    private func table(
        _ text: String, columns: Set<String> = ["x"], time: String? = "t", format: ReplayTimeFormat = .auto
    ) throws -> ReplayTable {
        try ReplayTable(
            CSVReader(path: "d.csv", Array(text.utf8)), columns: columns, timeColumn: time, timeFormat: format)
    }

    private func turns(_ replay: Replay, count: Int = 10) -> [Replay.Turn] {
        var replay = replay
        var turns: [Replay.Turn] = []
        while turns.count < count, let turn = replay.next {
            turns.append(turn)
            replay.advance()
        }
        return turns
    }

    @Test("Rows are due at the intervals of the file's times, divided by the speed")
    func speed() throws {
        let table = try table("t,x\n2015-02-02 14:19:00,1\n2015-02-02 14:19:59,2\n2015-02-02 14:21:00,3\n")
        let turns = turns(Replay(table: table, pace: .speed(60), loops: false))
        #expect(turns.map(\.row) == [0, 1, 2])
        #expect(turns.map(\.due) == [.zero, .microseconds(983_333), .seconds(2)])
    }

    @Test("A loop continues after the interval between the last two rows")
    func loop() throws {
        let table = try table("t,x\n10,1\n12,2\n15,3\n")
        let turns = turns(Replay(table: table, pace: .speed(1), loops: true), count: 7)
        #expect(turns.map(\.row) == [0, 1, 2, 0, 1, 2, 0])
        #expect(turns.map(\.due) == [0, 2, 5, 8, 10, 13, 16].map { .seconds($0) })
    }

    @Test("Rows whose time goes back are due at once; files without times use the interval")
    func otherPaces() throws {
        let backwards = try table("t,x\n10,1\n20,2\n15,3\n30,4\n")
        #expect(
            turns(Replay(table: backwards, pace: .speed(1), loops: false)).map(\.due)
                == [0, 10, 10, 20].map { .seconds($0) })
        let plain = try table("x\n1\n2\n3\n", time: nil)
        #expect(
            turns(Replay(table: plain, pace: .interval(.seconds(2)), loops: true), count: 5).map(\.due)
                == [0, 2, 4, 6, 8].map { .seconds($0) })
        #expect(turns(Replay(table: plain, pace: .unpaced, loops: false)).map(\.due) == [.zero, .zero, .zero])
    }

    @Test(
        "Times are parsed in every usual format",
        arguments: [
            ("2015-02-02 14:19:00", ReplayTimeFormat.auto), ("2015-02-02T15:19:00+01:00", .auto), ("1422886740", .auto),
            ("1422886740000", .auto), ("1422886740", .seconds), ("1422886740000", .milliseconds),
            (" 2015-02-02T14:19:00Z ", .iso8601),
        ])
    func times(text: String, format: ReplayTimeFormat) throws {
        let table = try table("t,x\n\(text),1\n", format: format)
        #expect(table.times == [try #require(Timestamp(secondsSinceEpoch: 1_422_886_740))])
    }

    @Test(
        "An invalid file is an error with line and column",
        arguments: [
            ("", nil, nil, "the file is empty"), ("t,x\n", nil, nil, "no records"), ("t,y\n1,2\n", 1, "x", "t, y"),
            ("t,x\n1,2\n3\n", 3, nil, "1 fields"), ("t,x\n1,2\n3,warm\n", 3, "x", "\"warm\""),
            ("t,x\n1,2\nyesterday,3\n", 3, "t", "\"yesterday\""), ("t,x\n1,nan\n", 2, "x", "\"nan\""),
        ] as [(String, Int?, String?, String)])
    func errors(text: String, line: Int?, column: String?, message: String) throws {
        let error = try #require(throws: ConfigurationError.self) { _ = try table(text) }
        let problem = try #require(error.problems.first)
        #expect(problem.origin == "d.csv")
        #expect(problem.line == line)
        #expect(problem.key == column)
        #expect(problem.message.contains(message))
    }

    @Test("An empty field omits its metric, an empty row its message")
    func emptyFields() throws {
        let profile = try replay(
            "x,y\n1,\n,\n,2\n", "metrics: {x: {column: x}, y: {column: y}, n: 5}", keys: "speed: max")
        var device = VirtualDevice(name: "replayed", profile: profile)
        #expect(device.payloads(until: .zero) == [#"{"x":1,"n":5}"#, #"{"y":2,"n":5}"#])
        #expect(device.due == nil)
    }

    @Test("`keep_time` uses the file's times as timestamps")
    func keepTime() throws {
        let profile = try replay(
            "t,x\n1422886740,1\n1422886741,2\n", "metrics: {x: {column: x}}\nstamps: keep_time",
            keys: "time: t, speed: max")
        var device = VirtualDevice(name: "replayed", profile: profile)
        #expect(device.payloads(until: .zero) == [#"{"x":1,"ts":1422886740000}"#, #"{"x":2,"ts":1422886741000}"#])
    }

    @Test("Every value of recorded measurements is replayed exactly")
    func occupancy() throws {
        guard let file = try? PackageRoot.sharedData("occupancy.csv") else {
            print("occupancy.csv is not there; WINDSOCK_SHARED_DATA names its folder. Test left out.")
            return
        }
        let profile = try Profiles.profile(
            """
            device: office
            topic: sensors/{device}
            convention: json
            stamps: none
            replay: {file: "\(file.path)", time: Date, speed: max}
            metrics:
              temperature: {column: Temperature}
              humidity: {column: Humidity}
              light: {column: Light}
              co2: {column: CO2}
            """)
        var device = VirtualDevice(name: "office", profile: profile)
        let payloads = device.steps(until: .zero).flatMap(\.step.publications).map(\.payload)
        let lines = try String(contentsOf: file, encoding: .utf8).split(whereSeparator: \.isNewline).dropFirst()
        #expect(payloads.count == 2665)
        #expect(payloads.count == lines.count)
        for (payload, line) in zip(payloads, lines) {
            let object = try JSONParser.parse(payload, maxDepth: 8)
            let fields = line.split(separator: ",").map { Double($0) }
            #expect(
                ["temperature", "humidity", "light", "co2"].map { object[$0]?.numberValue } == Array(fields[1...4]))
        }
    }

    /// Returns a profile that replays a CSV file with that text.
    private func replay(_ csv: String, _ rest: String, keys: String) throws -> DeviceProfile {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).csv")
        try csv.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        return try Profiles.profile(
            """
            device: replayed
            topic: sensors/{device}
            convention: json
            \(rest.contains("stamps") ? "" : "stamps: none")
            replay: {file: "\(file.path)", \(keys)}
            \(rest)
            """)
    }
}
