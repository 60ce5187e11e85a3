package import Core
import NIOCore
package import Realtime
package import Storage
package import Telemetry
package import Tracing

/// A service that publishes readings to their rooms, tracks which devices are online, and sends the latest readings to
/// clients that join.
///
/// Thread-safe. Publishing and taking a snapshot both happen under one lock, and both go through the hub's mailboxes. A
/// client therefore never sees an older value after a newer one, and misses nothing that is published after `joined`.
package final class DataStreamService: Sendable {
    /// The most devices to look up while the lock is held, so that ingest waits only briefly for it.
    private static let devicesPerLook = 64

    private let hub: Hub
    private let tracer: (any Tracer)?
    private let clock: any WallClock
    private let configuration: DataStreamConfiguration
    private let latest: Lock<LatestReadings>
    /// The sorted list of known devices. Its lock is taken before that of ``latest``, never the other way round. Ingest
    /// does not take it.
    private let index = Lock(DeviceIndex())

    /// Creates a data stream that publishes to `hub`. `tracer` creates the spans of sampled readings.
    package init(
        hub: Hub, configuration: DataStreamConfiguration = .init(), tracer: (any Tracer)? = nil,
        clock: any WallClock = SystemWallClock()
    ) {
        self.hub = hub
        self.tracer = tracer
        self.clock = clock
        self.configuration = configuration
        self.latest = Lock(
            LatestReadings(
                capacity: configuration.maxDevices, maxBytes: configuration.maxLatestBytes,
                offlineAfter: configuration.offlineAfter))
    }

    /// Takes the stored values of devices, so that they are shown after a restart until the devices send again. Nothing
    /// is published: call it before clients and devices connect.
    ///
    /// - Parameter states: In the order in which the devices were seen. Beyond the limits, the first ones are evicted.
    package func restore(_ states: [StoredDeviceState]) {
        let now = clock.now()
        latest.withLock { $0.restore(states, at: now) }
    }

    /// Publishes readings to their rooms in order. A `device_status` precedes a reading whose device was offline. Does
    /// not block; see ``waitForCapacity()`` for back-pressure.
    package func publish(_ readings: [IngestedReading]) {
        guard !readings.isEmpty else { return }
        let now = clock.now()
        var pushes: [any Span] = []
        latest.withLock { latest in
            var messages: [Message] = []
            messages.reserveCapacity(readings.count)
            for ingested in readings {
                let reading = ingested.reading
                guard let update = latest.update(with: reading) else { continue }
                if let status = update.status {
                    messages.append(Self.message(.deviceStatus, status, to: reading.room, at: now))
                }
                var message = Self.message(.dataUpdate, update.reading, to: reading.room, at: now)
                message.messageTrace = ingested.messageTrace.map { push($0, at: now, &pushes) }
                messages.append(message)
            }
            hub.publish(messages)
        }
        if pushes.isEmpty { return }
        let end = clock.now()
        for push in pushes { push.end(at: end) }
    }

    /// Publishes the status reports that change a device's status, in order. Does not block; see ``waitForCapacity()``
    /// for back-pressure.
    package func publish(_ reports: [StatusReport]) {
        guard !reports.isEmpty else { return }
        let now = clock.now()
        latest.withLock { latest in
            publish(reports.flatMap { latest.update(with: $0) }, at: now)
        }
    }

    /// Marks devices that were silent for too long as offline and publishes their status. Call it about once a second,
    /// from any thread. Compares one deadline per device.
    ///
    /// - Parameter isListening: False while no messages from devices can arrive, that is, without a broker connection.
    ///   No device times out then. Afterwards, and after a pause of more than 10 s between two calls, the allowed
    ///   silence of every device begins anew.
    package func sweep(now: Timestamp, isListening: Bool = true) {
        latest.withLock { latest in
            publish(latest.sweep(at: now, isListening: isListening), at: now)
        }
        _ = deviceKeys()
    }

    /// Blocks the calling thread while the hub's mailboxes are full. Never call it on an event loop, nor while holding
    /// a lock that an event loop takes.
    package func waitForCapacity() {
        hub.waitForCapacity()
    }

    /// Returns true if the filter names a telemetry room, or matches only telemetry rooms.
    package func isTelemetry(_ filter: TopicFilter) -> Bool {
        configuration.telemetryRoots.contains(String(filter.rawValue.prefix { $0 != "/" }))
    }

    /// Joins a client to the rooms of a filter. The client gets `joined`, then the latest readings of every device
    /// there, then live messages. A client that has joined with the same filter before gets only `joined`.
    ///
    /// Latest readings are sent in pages, as fast as the client's socket accepts them. Live messages published after
    /// the first page arrive in between and replace the older readings of the same series in later pages.
    ///
    /// Call it on the client's event loop. `completion` is called there once everything has been sent or the client is
    /// gone.
    package func join(
        _ client: HubClient,
        on shard: HubShard,
        filter: TopicFilter,
        joined: @escaping @Sendable (PresenceRegistry.Members) -> Message,
        completion: @escaping @Sendable () -> Void
    ) {
        let bound = NIOLoopBound(client, eventLoop: shard.eventLoop)
        guard !client.joined.contains(filter) else {
            return hub.perform(on: shard) { [hub] shard in
                shard.send([joined(hub.presence.members(under: filter))], to: bound.value)
                shard.eventLoop.execute(completion)
            }
        }
        var snapshot = LatestSnapshot(of: filter, protecting: configuration.protectedFirstLevels)
        // A room with few devices is read directly, without the index of all devices.
        let isSmall =
            filter.isName
            && latest.withLock { $0.deviceCount(in: filter.rawValue) } <= LatestSnapshot.maxDevicesPerPage
        if isSmall {
            latest.withLock { latest in
                snapshot.begin(at: latest.version, adding: latest.keys(in: filter.rawValue), isWhole: true)
                join(bound, on: shard, filter, snapshot, of: latest, joined: joined, completion: completion)
            }
            return
        }
        index.withLock { index in
            update(&index)
            snapshot.findDevices(among: index.keys)
            let (changes, isWhole) = latest.withLock { latest in
                // A device that was added in the meantime must not be missed.
                let (changes, isWhole) = latest.takeChanges()
                snapshot.begin(
                    at: latest.version, adding: changes.lazy.filter(\.isKnown).map(\.key), isWhole: isWhole)
                join(bound, on: shard, filter, snapshot, of: latest, joined: joined, completion: completion)
                return (changes, isWhole)
            }
            index.apply(changes, isWhole: isWhole)
        }
    }

    /// Joins a client with the first page of a snapshot that begins now. Call it with ``latest`` locked.
    private func join(
        _ client: NIOLoopBound<HubClient>, on shard: HubShard, _ filter: TopicFilter, _ begun: LatestSnapshot,
        of latest: LatestReadings, joined: @escaping @Sendable (PresenceRegistry.Members) -> Message,
        completion: @escaping @Sendable () -> Void
    ) {
        var snapshot = begun
        let now = clock.now()
        let parts = snapshot.next(from: latest, at: now)
        let first = Replay.Page(
            parts.map { Self.message($0.type, $0.part, to: $0.room, at: now) }, isLast: snapshot.isFinished,
            examinedCount: snapshot.takeExaminedCount())
        hub.perform(on: shard) { [self, snapshot] shard in
            shard.join(client.value, filter)
            let rest = NIOLoopBoundBox(snapshot, eventLoop: shard.eventLoop)
            shard.replay(
                to: client.value, [joined(hub.presence.members(under: filter))], first: first, completion: completion
            ) { [self] take in
                hand(&rest.value, to: shard, take)
            }
        }
    }

    /// Passes the next page of a snapshot to the shard through the same mailbox as published messages. Messages that
    /// follow the page are therefore newer than it.
    private func hand(
        _ snapshot: inout LatestSnapshot, to shard: HubShard, _ take: @escaping @Sendable (Replay.Page?) -> Void
    ) {
        snapshot.findDevices(among: index.withLock { $0.keys })
        let now = clock.now()
        latest.withLock { latest in
            let parts = snapshot.next(from: latest, at: now)
            let page = Replay.Page(
                parts.map { Self.message($0.type, $0.part, to: $0.room, at: now) }, isLast: snapshot.isFinished,
                examinedCount: snapshot.takeExaminedCount())
            hub.perform(on: shard) { _ in take(page) }
        }
    }

    /// Returns the known devices, sorted.
    ///
    /// The lock that ingest takes is held only while the log of added and removed devices is taken.
    package func deviceKeys() -> [DeviceKey] {
        index.withLock { index in
            update(&index)
            return index.keys
        }
    }

    private func update(_ index: inout DeviceIndex) {
        let (changes, isWhole) = latest.withLock { $0.takeChanges() }
        index.apply(changes, isWhole: isWhole)
    }

    /// Returns at most `limit` devices of `keys` after `last`. Skips devices that are no longer known.
    package func devices(of keys: [DeviceKey], after last: DeviceKey?, limit: Int) -> [DeviceSummary] {
        var found: [DeviceSummary] = []
        var rest = keys[DeviceIndex.index(after: last, in: keys)...]
        while found.count < limit, !rest.isEmpty {
            let wanted = rest.prefix(min(limit - found.count, Self.devicesPerLook))
            rest.removeFirst(wanted.count)
            let states = latest.withLock { $0.devices(of: wanted) }
            let now = clock.now()
            found += states.map { DeviceSummary($0, at: now) }
        }
        return found
    }

    /// Returns a device by name, once for each room that passes `isIncluded`. Compares the names of all devices.
    package func devices(
        named name: String, maxRooms: Int, where isIncluded: (_ room: String) -> Bool
    ) -> [DeviceSummary] {
        devices(of: deviceKeys().filter { $0.device == name && isIncluded($0.room) }, after: nil, limit: maxRooms)
    }

    /// Returns all devices in rooms that pass `isIncluded`, sorted.
    package func devices(where isIncluded: (_ room: String) -> Bool) -> [DeviceSummary] {
        devices(of: deviceKeys().filter { isIncluded($0.room) }, after: nil, limit: .max)
    }

    /// The number of known devices, and of devices evicted because the map was full.
    package var deviceCounts: (known: Int, evicted: Int) {
        latest.withLock { ($0.count, $0.evictedCount) }
    }

    /// The approximate memory used by the latest readings, and the number of series evicted to keep it within its
    /// budget.
    package var latestSize: (bytes: Int, evictedSeries: Int) {
        latest.withLock { ($0.byteCount, $0.evictedSeriesCount) }
    }

    /// Returns the trace to pass to the hub: with the publication time, and under a span `stream.push_data` when it
    /// is sampled.
    private func push(_ messageTrace: MessageTrace, at now: Timestamp, _ spans: inout [any Span]) -> MessageTrace {
        var messageTrace = messageTrace
        messageTrace.stages?.publishedAt = now
        if let tracer, let parent = messageTrace.parent, parent.isSampled {
            let span = tracer.startSpan("stream.push_data", under: parent, at: now)
            messageTrace.parent = span.traceContext
            spans.append(span)
        }
        return messageTrace
    }

    /// Publishes status changes. Call it with ``latest`` locked.
    private func publish(_ changes: [(room: String, status: DeviceUpdate.Part)], at now: Timestamp) {
        if changes.isEmpty { return }
        hub.publish(changes.map { Self.message(.deviceStatus, $0.status, to: $0.room, at: now) })
    }

    private static func message(
        _ type: MessageType, _ part: DeviceUpdate.Part, to room: String, at now: Timestamp
    ) -> Message {
        Message(
            type: type, room: room, payload: part.payload, timestamp: now, delivery: .conflatable(key: part.key))
    }
}

/// Limits of the data stream, and the room names that count as telemetry.
package struct DataStreamConfiguration: Sendable {
    /// The most devices to keep latest readings of. Beyond it, the devices that were silent longest are evicted.
    package var maxDevices: Int
    /// The approximate memory budget of the latest readings. Beyond it, the devices that use the most memory lose their
    /// oldest series.
    package var maxLatestBytes: Int
    /// The first segments of the routes' room templates. A room that begins with one of them is a telemetry room.
    package var telemetryRoots: Set<String>
    /// The first levels of room names that a leading wildcard does not match.
    package var protectedFirstLevels: [String]
    /// The time after which a silent device counts as offline, at least one second; `nil` for never. A device with a
    /// longer reporting interval is given three of its median intervals.
    package var offlineAfter: Duration?

    package init(
        maxDevices: Int = 10_000,
        maxLatestBytes: Int = 128 << 20,
        telemetryRoots: Set<String> = ["sensors"],
        protectedFirstLevels: [String] = [UserID.inboxRoot],
        offlineAfter: Duration? = .seconds(300)
    ) {
        self.maxDevices = maxDevices
        self.maxLatestBytes = maxLatestBytes
        self.telemetryRoots = telemetryRoots
        self.protectedFirstLevels = protectedFirstLevels
        self.offlineAfter = offlineAfter
    }
}
