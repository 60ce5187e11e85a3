import Core
import Foundation
import TestSupport
import Testing
import WebServer

@testable import Gateway

/// An installed program and one in a checkout find their files from any working directory.
@Suite("Shipped files")
struct ShippedFilesTests {
    /// A program that was installed below `usr`, and one that was built in `checkout`. Only the names matter.
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        for path in ["usr/share/windsock/dashboards/web", "checkout/dashboards/web", "own", "bin"] {
            try FileManager.default.createDirectory(
                at: folder.url.appending(path: path), withIntermediateDirectories: true)
        }
        try folder.write("", to: "checkout/Package.swift")
        for place in ["usr/share/windsock", "checkout"] {
            try folder.write("title: a", to: "\(place)/dashboards/a.yaml")
            try folder.write("<h1>page</h1>", to: "\(place)/dashboards/web/index.html")
        }
    }

    private func path(_ name: String) -> String { folder.url.resolvingSymlinksInPath().appending(path: name).path }

    private func files(of executable: String) -> ShippedFiles {
        ShippedFiles(executable: folder.url.appending(path: executable))
    }

    @Test("Beside the folder of an installed program, also when a link leads to it; else in the checkout around it")
    func places() throws {
        #expect(try files(of: "usr/bin/windsock").original("dashboards") == path("usr/share/windsock/dashboards"))
        #expect(
            try files(of: "checkout/.build/release/windsock").original("dashboards") == path("checkout/dashboards"))
        try FileManager.default.createDirectory(
            at: folder.url.appending(path: "usr/bin"), withIntermediateDirectories: true)
        try folder.write("", to: "usr/bin/windsock")
        try FileManager.default.createSymbolicLink(
            at: folder.url.appending(path: "bin/windsock"),
            withDestinationURL: folder.url.appending(path: "usr/bin/windsock"))
        #expect(try files(of: "bin/windsock").original("dashboards") == path("usr/share/windsock/dashboards"))
    }

    @Test("The page is that of the dashboards' folder if there is one, else the shipped one")
    func page() throws {
        let files = files(of: "usr/bin/windsock")
        #expect(try files.page(of: path("own")) == path("usr/share/windsock/dashboards/web"))
        #expect(try files.page(of: path("checkout/dashboards")) == path("checkout/dashboards/web"))
    }

    @Test("If there is nothing, the error names every place that was tried")
    func nowhere() throws {
        let files = files(of: "checkout/bin/windsock")
        let error = #expect(throws: Unavailable.self) { try files.folder("devices-of-nobody") }
        for place in [
            "devices-of-nobody", path("checkout/share/windsock/devices-of-nobody"), path("checkout/devices-of-nobody"),
        ] {
            #expect(error?.description.contains(place) == true, "\(error?.description ?? "")")
        }
    }

    @Test("A dashboards folder of one's own keeps the page, and is taken as it is")
    func ownDashboards() throws {
        let configuration = try SettingsFixture.load(flags: ["dashboards_dir": path("own")])
        #expect(configuration.dashboardsDirectory == path("own"))
        #expect(configuration.server.webDirectory?.hasSuffix("/dashboards/web") == true)
        #expect(throws: Never.self) { try configuration.requireDashboards() }
    }
}
