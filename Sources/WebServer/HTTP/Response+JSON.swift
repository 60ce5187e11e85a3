import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    /// A response whose body is JSON that is already written.
    static func json(_ bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
