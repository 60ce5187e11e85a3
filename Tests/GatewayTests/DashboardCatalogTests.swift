import Core
import Foundation
import TestSupport
import Testing

@testable import Gateway

/// A folder of dashboards becomes one response for the page, or a list of all errors.
@Suite("Dashboard catalog")
struct DashboardCatalogTests {
    private static let minimal =
        "title: T\nrooms: [a]\npanels: [{type: chart, title: P, devices: [d], metrics: [m]}]\n"

    private static func errors(in directory: String) -> [String] {
        do {
            _ = try DashboardCatalog(directory: directory)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test("Every shipped dashboard loads")
    func shipped() throws {
        let directory = try PackageRoot.directory.appending(path: "dashboards").path
        let catalog = try DashboardCatalog(directory: directory)
        let files = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".yaml") }
        #expect(Set(catalog.ids) == Set(files.map { $0.dropLast(".yaml".count) }.map(String.init)))
        #expect(catalog.ids.first == "overview")
        let json = try JSONParser.parse(catalog.json)
        #expect(json["dashboards"]?.arrayValue?.compactMap { $0["id"]?.stringValue } == catalog.ids)
    }

    @Test("Dashboards are sorted by order, then by id")
    func order() throws {
        let folder = try TemporaryFolder()
        for (name, order) in [("c", "order: 5\n"), ("b", ""), ("a", "order: 101\n"), ("aa", "order: 100\n")] {
            try folder.write(order + Self.minimal, to: "\(name).yaml")
        }
        try folder.write("not: a dashboard", to: "notes.txt")
        try folder.write("not: a dashboard", to: ".#c.yaml")
        #expect(try DashboardCatalog(directory: folder.url.path).ids == ["c", "aa", "b", "a"])
        #expect(try DashboardCatalog(directory: folder.url.path + "/").ids == ["c", "aa", "b", "a"])
    }

    @Test("The response contains what the files set, and nothing else")
    func json() throws {
        let folder = try TemporaryFolder()
        try folder.write(
            """
            title: Cold store
            order: 30
            rooms: [sensors/cold-store-1]
            panels:
              - type: value
                title: Air temperature
                devices: [cold-store-1]
                metrics: [temperature]
                unit: °C
                thresholds:
                  - {above: 8, level: critical, label: Too warm}
            """, to: "cold-store.yaml")
        try folder.write(Self.minimal, to: "other.yaml")
        let catalog = try DashboardCatalog(directory: folder.url.path)
        #expect(
            String(decoding: catalog.json, as: UTF8.self)
                == #"{"dashboards":[{"id":"cold-store","title":"Cold store","order":30,"#
                + #""rooms":["sensors/cold-store-1"],"#
                + #""panels":[{"type":"value","title":"Air temperature","devices":["cold-store-1"],"#
                + #""metrics":["temperature"],"#
                + #""unit":"°C","thresholds":[{"above":8,"level":"critical","label":"Too warm"}]}]},"#
                + #"{"id":"other","title":"T","rooms":["a"],"panels":[{"type":"chart","title":"P","devices":["d"],"#
                + #""metrics":["m"]}]}]}"#)
    }

    @Test("A folder without dashboards gives an empty catalog")
    func empty() throws {
        let folder = try TemporaryFolder()
        let catalog = try DashboardCatalog(directory: folder.url.path)
        #expect(catalog.ids.isEmpty)
        #expect(String(decoding: catalog.json, as: UTF8.self) == #"{"dashboards":[]}"#)
    }

    @Test("A missing folder is an error that names the setting and the folder")
    func missing() {
        #expect(Self.errors(in: "/not/there") == ["dashboards_dir: the directory /not/there cannot be read"])
    }

    @Test("The errors of all files are reported together")
    func allFiles() throws {
        let folder = try TemporaryFolder()
        let path = folder.url.path
        try folder.write("title: [", to: "a.yaml")
        try folder.write("order: first\n" + Self.minimal, to: "b.yaml")
        try folder.write(Self.minimal, to: "C.yaml")
        try folder.write(Self.minimal, to: "d.yml")
        try folder.write(Self.minimal, to: "good.yaml")
        try FileManager.default.createDirectory(
            at: folder.url.appending(path: "e.yaml"), withIntermediateDirectories: false)
        try Data([0x74, 0xFF]).write(to: folder.url.appending(path: "f.yaml"))
        #expect(
            Self.errors(in: path) == [
                "\(path)/C.yaml: the file name must be 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit",
                "\(path)/a.yaml:2: the file is not valid YAML: did not find expected node content while parsing a flow node",
                "\(path)/b.yaml:1: order: \"first\" is not valid; allowed: a whole number from 0 to 9999",
                "\(path)/d.yml: the name of a dashboard file must end with .yaml",
                "\(path)/e.yaml: the file cannot be read",
                "\(path)/f.yaml: the file is not valid UTF-8",
            ])
    }

    @Test("A file may have at most 256 KiB")
    func fileSize() throws {
        let folder = try TemporaryFolder()
        let largest = Self.minimal + "#" + String(repeating: "-", count: 262_144 - Self.minimal.utf8.count - 1)
        let path = try folder.write(largest, to: "a.yaml")
        #expect(Self.errors(in: folder.url.path) == [])
        try folder.write(largest + "-", to: "a.yaml")
        #expect(Self.errors(in: folder.url.path) == ["\(path): the file is too large; allowed: at most 262144 bytes"])
    }

    @Test("A folder may have at most 200 dashboards")
    func fileCount() throws {
        let folder = try TemporaryFolder()
        for index in 0..<200 { try folder.write(Self.minimal, to: "d\(index).yaml") }
        #expect(Self.errors(in: folder.url.path) == [])
        try folder.write(Self.minimal, to: "d200.yaml")
        #expect(
            Self.errors(in: folder.url.path)
                == ["\(folder.url.path): too many dashboards (201); allowed: at most 200"])
    }
}
