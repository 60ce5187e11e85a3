import AsyncHTTPClient
import Foundation
import NIOCore

/// Errors that mean that nothing was sent, because there was no connection: another address may be better.
enum ConnectFailure {
    static func isOne(_ error: any Error) -> Bool {
        switch error {
        case let error as HTTPClientError: error == .connectTimeout
        case let error as IOError:
            [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL, EAFNOSUPPORT].contains(error.errnoCode)
        default: false
        }
    }
}
