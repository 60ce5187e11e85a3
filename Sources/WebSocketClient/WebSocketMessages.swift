/// The messages of a connection in the order of their arrival.
///
/// Bounded: while the consumer is slow, reading from the socket stops. Iterating can stop and begin again; each
/// message goes to one iterator.
package struct WebSocketMessages: AsyncSequence, Sendable {
    let queue: MessageQueue

    package struct AsyncIterator: AsyncIteratorProtocol {
        let queue: MessageQueue

        package func next() async throws -> WebSocketMessage? { try await queue.next() }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(queue: queue) }
}
