import Foundation

/// Lets writes to closed pipes and sockets fail instead of ending the process.
enum Signals {
    static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }
}
