internal import CMosquitto
import Foundation

extension MosquittoHandle {
    /// Throws what a result code means, if it is not success.
    func check(_ result: Int32) throws(MQTTError) {
        guard result != MOSQ_ERR_SUCCESS.status else { return }
        // A refused certificate may show as a lost connection: what the library said of it tells more.
        if let lastWords { throw .tlsFailed(Self.reason(inLastWords: lastWords)) }
        if result == MOSQ_ERR_TLS.status { throw .tlsFailed("no reason is given") }
        if configuration.tls != nil, result == MOSQ_ERR_ERRNO.status, errno == EPROTO, !isAnswered {
            let hint = configuration.tls?.certificateFile == nil ? "; it may require a client certificate" : ""
            throw .tlsFailed("the broker broke the connection off\(hint)")
        }
        throw .connectionFailed(Self.text(of: result))
    }

    static func text(of result: Int32) -> String {
        switch result {
        case MOSQ_ERR_ERRNO.status: systemError()
        case MOSQ_ERR_KEEPALIVE.status: "no answer to the keep-alive"
        // The lookup's own code is left in errno.
        case MOSQ_ERR_EAI.status: lowerFirst(String(cString: gai_strerror(errno)))
        default: mosquitto_strerror(result).map { lowerFirst(String(cString: $0)) } ?? "error \(result)"
        }
    }

    static func systemError() -> String {
        lowerFirst(String(cString: strerror(errno)))
    }

    /// What a CONNACK's, SUBACK's or DISCONNECT's reason code means.
    static func meaning(ofReasonCode code: Int, protocolLevel: Int) -> String {
        let text = protocolLevel == 5 ? mosquitto_reason_string(Int32(code)) : mosquitto_connack_string(Int32(code))
        return text.map { lowerFirst(String(cString: $0)) } ?? "reason code \(code)"
    }

    /// "OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed" ends with what happened.
    private static func reason(inLastWords words: String) -> String {
        let last = words.split(separator: ":").last.map(String.init) ?? words
        return lowerFirst(last.trimmingCharacters(in: .whitespaces))
    }

    /// The library's sentences begin in upper case and end with a dot; ours go on around them.
    private static func lowerFirst(_ text: String) -> String {
        var text = text.hasSuffix(".") ? String(text.dropLast()) : text
        for prefix in ["Connection Refused: ", "Connection error: "] where text.hasPrefix(prefix) {
            text.removeFirst(prefix.count)
        }
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}

extension mosq_err_t {
    /// As functions return it.
    var status: Int32 { Int32(rawValue) }
}
