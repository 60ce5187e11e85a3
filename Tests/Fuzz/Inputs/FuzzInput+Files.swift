import Core

#if DEBUG || FUZZING
    import Foundation
    import Telemetry
    import YAML

    @testable import DeviceSimulator
    @testable import Gateway
    @testable import Storage

    extension FuzzInput {
        /// Files written by operators, possibly copied from others.
        static let files = [
            FuzzInput("csv", readCSV), FuzzInput("configuration", readConfiguration),
            FuzzInput("dashboard", readDashboard), FuzzInput("device-profile", readProfile),
            FuzzInput("backup", readBackup),
        ]

        private static let readCSV: @Sendable ([UInt8]) -> Bool = { bytes in
            var reader = CSVReader(path: "data.csv", bytes)
            var line = 0
            do {
                while let record = try reader.next() {
                    promise(record.line > line, "records are not in the order of lines")
                    promise(!record.fields.isEmpty, "a record without fields")
                    line = record.line
                }
            } catch {
                return false
            }
            return line > 0
        }

        private static let readConfiguration: @Sendable ([UInt8]) -> Bool = { bytes in
            (try? ConfigurationFile(path: "windsock.yaml", yaml: String(decoding: bytes, as: UTF8.self))) != nil
        }

        private static let readDashboard: @Sendable ([UInt8]) -> Bool = { bytes in
            (try? DashboardFile(path: "d.yaml", id: "d", yaml: String(decoding: bytes, as: UTF8.self))) != nil
        }

        private static let readProfile: @Sendable ([UInt8]) -> Bool = { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            guard let document = try? YAMLDocument(path: "device.yaml", text: text) else { return false }
            return (try? ProfileReader.profile(of: document)) != nil
        }

        /// Shared by all inputs because creating a database takes longer than reading an input. An input sees the data
        /// left by earlier ones.
        private static let database: Database? = {
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent("windsock-fuzz-\(getpid())")
            atexit {
                let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
                    "windsock-fuzz-\(getpid())")
                try? FileManager.default.removeItem(at: directory)
            }
            return try? Database(directory: directory.path)
        }()

        /// Imports the lines of a backup.
        private static let readBackup: @Sendable ([UInt8]) -> Bool = { bytes in
            guard let database,
                var reader = try? BackupImport(
                    into: database, at: Timestamp(nanosecondsSinceEpoch: 1_750_000_000_000_000_000))
            else { preconditionFailure("there is no database to import into") }
            do {
                for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
                    try reader.take(line)
                }
                try reader.finish()
                return true
            } catch StorageError.invalidLine {
                return false
            } catch {
                preconditionFailure("the database failed: \(error)")
            }
        }
    }
#endif
