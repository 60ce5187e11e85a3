import ArgumentParser
import ChildProcesses
import Core
import Foundation
import Gateway

/// The command `windsock init`, which writes a configuration, a secret and the example files.
struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write windsock.yaml with a new secret, and example dashboards, devices and alert rules.",
        discussion: "Existing files are never changed: if one is in the way, nothing is written.")

    @Argument(help: "The folder to write to; created if it does not exist.")
    var directory = "."

    func run() async throws {
        try await Exit.reporting {
            guard !directory.isEmpty else {
                throw Exit.fail("The folder's name is empty. Nothing was written.", .failure)
            }
            let files = try StarterFile.all()
            for file in files {
                let path = path(of: file)
                var information = stat()
                guard lstat(path, &information) != 0 else {
                    throw Exit.fail("\(path) exists already. Nothing was written.", .failure)
                }
            }
            for folder in Set(files.map { URL(filePath: path(of: $0)).deletingLastPathComponent().path }) {
                var isFolder: ObjCBool = false
                if FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), !isFolder.boolValue {
                    throw Exit.fail("\(folder) is not a folder. Nothing was written.", .failure)
                }
            }
            for file in files { try write(file) }
            Console.print(summary)
        }
    }

    private func path(of file: StarterFile) -> String {
        directory == "." ? file.path : "\(directory)/\(file.path)"
    }

    private func write(_ file: StarterFile) throws {
        let path = path(of: file)
        let folder = URL(filePath: path).deletingLastPathComponent()
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw Unavailable(description: "The folder \(folder.path) cannot be created: \(error.localizedDescription)")
        }
        // Fails if the file was created in the meantime.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file.isSecret ? 0o600 : 0o644)
        guard descriptor >= 0 else {
            throw Unavailable(description: "The file \(path) cannot be written: \(String(cString: strerror(errno))).")
        }
        try FileHandle(fileDescriptor: descriptor, closeOnDealloc: true).write(contentsOf: file.content)
    }

    /// The text that names the written files and the next commands. These work as printed, from the current working directory.
    private var summary: String {
        let enter = directory == "." ? "" : "cd \(Self.quoted(directory)) && "
        let program = Self.quoted(Self.program)
        return """
            Wrote \(StarterFile.settings), \(StarterFile.secret), dashboards/, devices/ and alerts/\
            \(directory == "." ? "" : " to \(directory)").

            Set the broker in \(StarterFile.settings), and start the gateway:

              \(enter)\(program) serve

            In another terminal, print a token to sign in with:

              \(enter)\(program) token --user you --role admin
            """
    }

    /// The name by which a shell finds this program: its bare name if it is in PATH, else the path of its file.
    private static var program: String {
        guard let executable = Bundle.main.executableURL else {
            return Windsock.configuration.commandName ?? "windsock"
        }
        let name = executable.lastPathComponent
        let found = ChildProcess.find(name).map { URL(filePath: $0).resolvingSymlinksInPath() }
        return found == executable.resolvingSymlinksInPath() ? name : executable.path
    }

    /// Returns text as one word of a POSIX shell.
    private static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "/._-+,@%".utf8.contains(byte)
            }
        }
        if isPlain, !text.isEmpty, !text.hasPrefix("-") { return text }
        let path = text.hasPrefix("-") ? "./\(text)" : text
        return "'\(path.replacing("'", with: #"'\''"#))'"
    }
}

/// A file that `windsock init` writes.
struct StarterFile {
    static let settings = SettingsOptions.defaultFile
    static let secret = "jwt-secret"
    private static let folders = ["dashboards", "devices", "alerts"]

    /// The path below the folder that is initialized.
    let path: String
    let content: Data
    /// True when only its owner may read the file.
    let isSecret: Bool

    /// Returns the settings, a new secret, and copies of the shipped files.
    ///
    /// - Throws: `Unavailable` when the shipped files are not found or cannot be read.
    static func all() throws -> [StarterFile] {
        let ids = RandomIDGenerator()
        var files = [
            StarterFile(path: settings, content: Data(settingsText.utf8), isSecret: false),
            StarterFile(path: secret, content: Data("\(ids.next())\(ids.next())\n".utf8), isSecret: true),
        ]
        for folder in folders {
            let original = URL(filePath: try ShippedFiles.standard.original(folder))
            for path in try paths(in: original) {
                files.append(
                    StarterFile(
                        path: "\(folder)/\(path)", content: try Data(contentsOf: original.appending(path: path)),
                        isSecret: false))
            }
        }
        return files
    }

    /// Returns the relative paths of a folder's YAML files, and of the data beside them. The web page is left out: the
    /// gateway serves it from where it was installed.
    private static func paths(in folder: URL) throws -> [String] {
        let found = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return found.filter { path in
            !path.hasPrefix("web/") && !path.hasPrefix(".")
                && [".yaml", ".yml", ".csv"].contains { path.hasSuffix($0) }
        }.sorted()
    }

    private static let settingsText = """
        # Settings of Windsock. `windsock serve` reads this file from the folder in which it is started; relative paths
        # begin there, too. `windsock serve --print-config` shows all settings with their values, and
        # `windsock check` finds mistakes. The reference is docs/configuration.md.

        # Address and port of the pages, the API and the WebSocket. 0.0.0.0:8080 opens them to other machines.
        listen: 127.0.0.1:8080

        # The MQTT broker. mqtts://broker.example:8883 uses TLS.
        mqtt:
          url: mqtt://127.0.0.1:1883
          # username: gateway
          # password_file: mqtt-password

        # Tokens of users are signed with this secret. Whoever has it may do everything.
        jwt:
          secret_file: \(secret)

        # Readings, messages and alerts are stored here.
        data_dir: windsock-data

        # One file per dashboard. Changes are shown without a restart.
        dashboards_dir: dashboards

        # Rules that notify users, rooms or a webhook. Changes apply without a restart.
        alerts_dir: alerts

        # Topics that carry readings. With routes of your own, the default routes no longer apply. Texts that begin with
        # { or * need quotes.
        # routes:
        #   - topic: sensors/{device}/{metric}
        #   - topic: home/{room}/{device}/state
        #     room: sensors/{device}

        """
}
