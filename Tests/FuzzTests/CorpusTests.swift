import Foundation
import FuzzInputs
import Testing

/// Runs the inputs of `make fuzz` on the corpus: seeds and earlier findings.
@Suite("Fuzzing corpus")
struct CorpusTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fuzz/corpus")

    @Test("Each fuzz input has a corpus folder, and each folder an input")
    func folders() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(folders) == Set(FuzzInput.all.map(\.name)))
    }

    @Test("The corpus is parsed without a trap, and part of it is accepted", arguments: FuzzInput.all.map(\.name))
    func corpus(name: String) throws {
        let input = try #require(FuzzInput.all.first { $0.name == name })
        let files = try FileManager.default.contentsOfDirectory(
            at: Self.folder.appending(path: name), includingPropertiesForKeys: nil)
        let taken = try files.filter { input.read(Array(try Data(contentsOf: $0))) }
        #expect(!taken.isEmpty)
        _ = input.read([])
    }
}
