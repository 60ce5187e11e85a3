import MQTTTransport
import Observability
import Realtime
import Services
import WebServer

/// Metrics whose values are read from their owners at each scrape.
enum GatewayMetrics {
    static func register(
        in registry: MetricsRegistry, client: MQTTClient, hub: Hub, stream: DataStreamService,
        sockets: WebSocketMetrics, stack: ServiceStack
    ) {
        func observe(
            _ name: String, _ help: String, kind: MetricKind = .gauge, _ read: @escaping @Sendable () -> Int
        ) {
            registry.observe(name, help: help, kind: kind) { Double(read()) }
        }
        observe("websocket.active_connections", "Open WebSocket connections.") {
            sockets.activeConnections
        }
        observe("windsock_hub_waiting_bytes", "Bytes of frames queued for an event loop.") {
            hub.shards.reduce(0) { $0 + $1.waitingByteCount }
        }
        observe("windsock_devices", "Devices whose latest reading is known.") { stream.deviceCounts.known }
        observe("windsock_devices_evicted", "Devices evicted because of the device limit.", kind: .counter) {
            stream.deviceCounts.evicted
        }
        observe("windsock_latest_bytes", "Approximate bytes of memory used by the latest readings.") {
            stream.latestSize.bytes
        }
        observe(
            "windsock_latest_series_evicted", "Series of latest readings evicted because of the memory limit.",
            kind: .counter
        ) { stream.latestSize.evictedSeries }
        observe("windsock_users_online", "Users with at least one connection.") { hub.presence.userCount }
        observe("windsock_rooms_writes_waiting", "Chat messages and notifications waiting to be stored.") {
            stack.writer.waitingCount
        }
        observe("windsock_alerts_active", "Pending and firing alerts.") { stack.alerts.activeCount }
        observe("windsock_storage_failing", "1 while storage is failing, else 0.") {
            stack.writer.health.trouble == nil ? 0 : 1
        }
        observe("windsock_mqtt_connected", "1 while connected to the broker, else 0.") {
            client.state.isConnected ? 1 : 0
        }
        observe("windsock_mqtt_connects", "Connections established to the broker.", kind: .counter) {
            client.counters.connects
        }
        observe("windsock_mqtt_connection_failures", "Failed and lost connections to the broker.", kind: .counter) {
            client.counters.connectFailures
        }
        observe("windsock_mqtt_batches", "Batches of messages received from the broker.", kind: .counter) {
            client.counters.batches
        }
        observe("windsock_mqtt_batches_refused", "Batches that were not acknowledged.", kind: .counter) {
            client.counters.batchesRefused
        }
        observe("windsock_mqtt_received_bytes", "Payload bytes received from the broker.", kind: .counter) {
            client.counters.bytesReceived
        }
        observe("windsock_mqtt_subscriptions_refused", "Filters currently refused by the broker.") {
            client.refusedSubscriptions.count
        }
    }
}

extension Readiness.Check {
    /// Checks the broker connection: ready when it is up and the broker granted every subscription.
    static func mqtt(_ client: MQTTClient, _ reception: ReceptionWatch) -> Readiness.Check {
        let state = client.state
        let refused = client.refusedSubscriptions
        let reason: String? =
            switch state {
            case .waiting(let error): "\(error)"
            case .connected where !refused.isEmpty: refused.map(\.description).joined(separator: " ")
            default: nil
            }
        return Readiness.Check(
            name: "mqtt", isReady: state.isConnected && refused.isEmpty, status: state.word, reason: reason,
            filters: client.filters, warning: reception.warning())
    }
}

extension Readiness.Check {
    /// Checks the database: ready while writes succeed and no read has found a damaged part.
    static func storage(_ health: StorageHealth, _ clockGuard: ClockLeapGuard) -> Readiness.Check {
        if let trouble = health.trouble {
            return Readiness.Check(name: "storage", isReady: false, status: "failing", reason: trouble.reason)
        }
        if let unreadable = health.unreadable {
            return Readiness.Check(
                name: "storage", isReady: false, status: "unreadable",
                reason: "\(unreadable.reason): part of the database is unreadable; restore a backup")
        }
        let leap = clockGuard.leap.map { leap in
            let seconds = Int(leap.size / .seconds(1))
            return
                "The clock leapt forward by \(seconds) s; retention is paused until the new time has held."
        }
        return Readiness.Check(name: "storage", isReady: true, status: "ok", reason: leap)
    }
}
