import Foundation

extension DeviceProfile {
    /// Reads one device file and the CSV that it names.
    ///
    /// Throws ``ProfileError`` with everything that is wrong, each with file, line, key, and what is allowed.
    package static func load(_ path: String) throws(ProfileError) -> DeviceProfile {
        guard let text = try? String(contentsOf: URL(filePath: path), encoding: .utf8) else {
            throw ProfileError(problems: [
                ProfileProblem(path: path, message: "the file cannot be read; it must be there, readable, and UTF-8")
            ])
        }
        return try ProfileReader(path: path).profile(of: text)
    }

    /// Reads several device files; throws the problems of all of them, and names of devices that occur twice.
    package static func load(_ paths: [String]) throws(ProfileError) -> [DeviceProfile] {
        var profiles: [DeviceProfile] = []
        var problems: [ProfileProblem] = []
        for path in paths {
            do throws(ProfileError) {
                profiles.append(try load(path))
            } catch {
                problems += error.problems
            }
        }
        problems += duplicates(in: profiles)
        if !problems.isEmpty { throw ProfileError(problems: problems) }
        return profiles
    }

    /// The device files of a folder, sorted by name: `*.yaml` and `*.yml`, not those of folders inside.
    ///
    /// Throws ``ProfileError`` when the folder cannot be read or has none.
    package static func files(in folder: String) throws(ProfileError) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let files = names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted()
        if files.isEmpty {
            throw ProfileError(problems: [
                ProfileProblem(path: folder, message: "there is no device file in this folder; allowed: *.yaml, *.yml")
            ])
        }
        return files.map { folder.hasSuffix("/") ? folder + $0 : "\(folder)/\($0)" }
    }

    /// Two devices of one name would send into the same topics as if they were one.
    private static func duplicates(in profiles: [DeviceProfile]) -> [ProfileProblem] {
        var owners: [String: String] = [:]
        var problems: [ProfileProblem] = []
        for profile in profiles {
            guard let name = profile.deviceNames.first(where: { owners[$0] != nil }) else {
                for name in profile.deviceNames { owners[name] = profile.path }
                continue
            }
            problems.append(
                ProfileProblem(
                    path: profile.path, key: "device",
                    message: "the device '\(name)' is already in \(owners[name] ?? ""); allowed: a name of its own"))
        }
        return problems
    }
}
