/// How messages are written. Both go by HTTP POST.
package enum OTLPProtocol: String, Sendable, Hashable, CaseIterable {
    case httpProtobuf = "http/protobuf"
    case httpJSON = "http/json"

    /// The media type of requests and of the answers that are asked for.
    var contentType: String {
        switch self {
        case .httpProtobuf: "application/x-protobuf"
        case .httpJSON: "application/json"
        }
    }
}
