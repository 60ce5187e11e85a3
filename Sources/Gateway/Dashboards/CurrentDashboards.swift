import Core
import Logging
import NIOCore

/// The dashboards that are served, which a reload replaces as a whole.
final class CurrentDashboards: Sendable {
    private let directory: String
    private let served: Lock<ByteBuffer>

    /// Reads them for the first time.
    ///
    /// - Throws: ``ConfigurationErrors`` with all problems of all files.
    init(directory: String) throws(ConfigurationErrors) {
        self.directory = directory
        served = Lock(ByteBuffer(bytes: try DashboardCatalog(directory: directory).json))
    }

    /// The answer to `GET /api/dashboards`.
    var json: ByteBuffer { served.withLock { $0 } }

    /// Reads them anew. With a mistake in any of them the old ones stay, and the log says where it is.
    func reload(logger: Logger) {
        do throws(ConfigurationErrors) {
            let new = try DashboardCatalog(directory: directory)
            served.withLock { $0 = ByteBuffer(bytes: new.json) }
            logger.notice("Dashboards were reloaded", metadata: ["dashboards": "\(new.ids.count)"])
        } catch {
            logger.error("Dashboards cannot be reloaded; the old ones stay", metadata: ["error": "\(error)"])
        }
    }
}
