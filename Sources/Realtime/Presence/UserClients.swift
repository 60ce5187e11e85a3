/// The clients by which one user is in a room: none within the grace period, one as a rule.
///
/// They are told apart, so that a client that joined a room by its name and by a filter is counted once.
package struct UserClients: Sendable, Equatable {
    private var first: ObjectIdentifier?
    private var others: [ObjectIdentifier] = []

    package var count: Int { (first == nil ? 0 : 1) + others.count }

    /// Calls `body` with each client.
    func forEach(_ body: (ObjectIdentifier) -> Void) {
        if let first { body(first) }
        others.forEach(body)
    }

    /// Adds a client; no change when it is there.
    mutating func insert(_ client: ObjectIdentifier) {
        guard let first else { return self.first = client }
        if first != client, !others.contains(client) { others.append(client) }
    }

    /// Takes a client out; false when it is not there.
    mutating func remove(_ client: ObjectIdentifier) -> Bool {
        if first == client {
            first = others.popLast()
        } else if let index = others.firstIndex(of: client) {
            others.remove(at: index)
        } else {
            return false
        }
        return true
    }

    mutating func formUnion(_ clients: Self) {
        clients.forEach { insert($0) }
    }
}
