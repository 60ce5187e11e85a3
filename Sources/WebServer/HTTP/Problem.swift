import HTTPTypes
import Hummingbird
import NIOCore
import Telemetry

/// An error as HTTP tells it (RFC 9457, `application/problem+json`).
package struct Problem: Error, Sendable {
    let status: HTTPResponse.Status
    /// What is wrong and what is allowed; written for the person who made the request.
    let detail: String
    var headers: HTTPFields

    init(_ status: HTTPResponse.Status, _ detail: String, headers: HTTPFields = [:]) {
        self.status = status
        self.detail = detail
        self.headers = headers
    }

    /// The response that tells it.
    var response: Response {
        Response(status: status, headers: typedHeaders, body: ResponseBody(byteBuffer: body))
    }

    /// The head of a response that tells it, for where there is no router.
    var head: HTTPResponse {
        var headers = typedHeaders
        headers[.contentLength] = "\(body.readableBytes)"
        return HTTPResponse(status: status, headerFields: headers)
    }

    var body: ByteBuffer {
        var body = JSONObjectBuilder()
        body.add("type", "about:blank")
        body.add("title", status.reasonPhrase)
        body.add("status", status.code)
        body.add("detail", detail)
        return ByteBuffer(bytes: body.finished())
    }

    private var typedHeaders: HTTPFields {
        var headers = self.headers
        headers[.contentType] = "application/problem+json"
        return headers
    }
}
