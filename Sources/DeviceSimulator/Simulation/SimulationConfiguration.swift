package import MQTTTransport

/// How a simulation runs.
package struct SimulationConfiguration: Sendable {
    /// The broker. Each device takes all of it but the client id, will, birth and subscriptions, which are its own.
    package var mqtt: MQTTConfiguration
    /// When all devices stop; when each has ended by itself, or never, when `nil`.
    package var duration: Duration?
    /// How many messages each device sends before it stops; without end when `nil`.
    package var messagesPerDevice: Int?
    /// How long the end waits for acknowledgements.
    package var drainTimeout: Duration
    /// The same when the simulation is told to stop.
    package var shutdownTimeout: Duration

    package init(
        mqtt: MQTTConfiguration, duration: Duration? = nil, messagesPerDevice: Int? = nil,
        drainTimeout: Duration = .seconds(10), shutdownTimeout: Duration = .seconds(1)
    ) {
        self.mqtt = mqtt
        self.duration = duration
        self.messagesPerDevice = messagesPerDevice
        self.drainTimeout = drainTimeout
        self.shutdownTimeout = shutdownTimeout
    }
}
