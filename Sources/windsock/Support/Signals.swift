import Foundation

/// Signals that would end the process although they mean nothing here.
enum Signals {
    /// Lets writes to closed pipes and sockets fail instead of ending the process, and ignores what some tool may send to
    /// any daemon.
    static func ignoreStrays() {
        for number in [SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM] { signal(number, SIG_IGN) }
    }
}
