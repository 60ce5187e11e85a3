/// How the bodies of requests are made smaller.
package enum OTLPCompression: String, Sendable, Hashable, CaseIterable {
    case none
    case gzip
}
