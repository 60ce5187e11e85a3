import Core
import NIOCore
package import Realtime
package import Telemetry
package import Tracing

/// Streams readings into their rooms, says which devices are there, and gives whoever joins the latest of every device
/// first.
///
/// Thread-safe. Publishing and taking a snapshot happen under one lock, and both travel the hub's mailboxes: so no
/// older value follows a newer one, and nothing that is published after `joined` is missed.
package final class DataStreamService: Sendable {
    /// Devices that are looked up while ingest waits.
    private static let devicesPerLook = 64

    private let hub: Hub
    private let tracer: (any Tracer)?
    private let clock: any WallClock
    private let configuration: DataStreamConfiguration
    private let latest: Lock<LatestReadings>
    /// Locked before ``latest`` and never the other way round; ingest does not take it.
    private let index = Lock(DeviceIndex())

    /// A stream into `hub`; `tracer` makes its spans of readings that are sampled.
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

    /// Publishes readings to their rooms, in order, each after a `device_status` when its device was not online. Does
    /// not wait: see ``waitForRoom()``.
    ///
    /// - Parameter journeys: where each of the readings comes from; none, or as many as there are readings.
    package func publish(_ readings: [Reading], journeys: [Journey] = []) {
        guard !readings.isEmpty else { return }
        let now = clock.now()
        var pushes: [any Span] = []
        latest.withLock { latest in
            var messages: [Message] = []
            messages.reserveCapacity(readings.count)
            for (index, reading) in readings.enumerated() {
                guard let update = latest.update(with: reading) else { continue }
                if let status = update.status {
                    messages.append(Self.message(.deviceStatus, status, to: reading.room, at: now))
                }
                var message = Self.message(.dataUpdate, update.reading, to: reading.room, at: now)
                if index < journeys.count { message.journey = push(journeys[index], at: now, &pushes) }
                messages.append(message)
            }
            hub.publish(messages)
        }
        if pushes.isEmpty { return }
        let end = clock.now()
        for push in pushes { push.end(at: end) }
    }

    /// Publishes what status topics said, in order, where it is news. Does not wait: see ``waitForRoom()``.
    package func publish(_ reports: [StatusReport]) {
        guard !reports.isEmpty else { return }
        let now = clock.now()
        latest.withLock { latest in
            publish(reports.flatMap { latest.update(with: $0) }, at: now)
        }
    }

    /// Publishes as offline whoever was silent for too long. To be called about once a second, from anywhere; looks at
    /// one number for each device.
    ///
    /// - Parameter isListening: whether devices can be heard at all, that is whether the broker is connected. While
    ///   they cannot, and after a pause of more than 10 s between two calls, nobody's silence counts: then everybody
    ///   has the whole time again.
    package func sweep(now: Timestamp, isListening: Bool = true) {
        latest.withLock { latest in
            publish(latest.sweep(at: now, isListening: isListening), at: now)
        }
        _ = places()
    }

    /// Blocks the calling thread while clients cannot be served as fast as readings come. Never on an event loop, and
    /// not under any lock that an event loop takes.
    package func waitForRoom() {
        hub.waitForRoom()
    }

    /// Whether the room, or everything that the filter matches, is telemetry.
    package func isTelemetry(_ filter: TopicFilter) -> Bool {
        configuration.telemetryRoots.contains(String(filter.rawValue.prefix { $0 != "/" }))
    }

    /// Joins a client to rooms, so that it gets `joined`, then the latest reading of every device there, then all that
    /// follows. A client that had joined by this very filter gets only `joined`.
    ///
    /// Readings go out in pages as the client's socket takes them. What is published after the first page comes live in
    /// their midst, and takes the place of what the pages would have told of the same series.
    ///
    /// Call it on the client's loop; `completion` is called there once all of it is on its way.
    package func join(
        _ client: HubClient,
        on shard: HubShard,
        filter: TopicFilter,
        joined: @escaping @Sendable (PresenceRegistry.Members) -> Message,
        completion: @escaping @Sendable () -> Void
    ) {
        let bound = LoopBoundClient(client, on: shard)
        guard !client.joined.contains(filter) else {
            return hub.perform(on: shard) { [hub] shard in
                shard.send([joined(hub.presence.members(under: filter))], to: bound.client)
                shard.eventLoop.execute(completion)
            }
        }
        var snapshot = LatestSnapshot(of: filter, protecting: configuration.protectedFirstLevels)
        // A room with few devices needs no look at the others.
        let isSmall =
            filter.isName
            && latest.withLock { $0.deviceCount(in: filter.rawValue) } <= LatestSnapshot.maxDevicesPerPage
        if isSmall {
            latest.withLock { latest in
                snapshot.begin(at: latest.version, adding: latest.places(in: filter.rawValue), isWhole: true)
                join(bound, on: shard, filter, snapshot, of: latest, joined: joined, completion: completion)
            }
            return
        }
        index.withLock { index in
            update(&index)
            snapshot.findDevices(among: index.places)
            let (changes, isWhole) = latest.withLock { latest in
                // A device that came meanwhile must not be missed.
                let (changes, isWhole) = latest.takeChanges()
                snapshot.begin(
                    at: latest.version, adding: changes.lazy.filter(\.isKnown).map(\.place), isWhole: isWhole)
                join(bound, on: shard, filter, snapshot, of: latest, joined: joined, completion: completion)
                return (changes, isWhole)
            }
            index.apply(changes, isWhole: isWhole)
        }
    }

    /// Joins a client with the first page of a snapshot that begins now, with ``latest`` locked.
    private func join(
        _ client: LoopBoundClient, on shard: HubShard, _ filter: TopicFilter, _ begun: LatestSnapshot,
        of latest: LatestReadings, joined: @escaping @Sendable (PresenceRegistry.Members) -> Message,
        completion: @escaping @Sendable () -> Void
    ) {
        var snapshot = begun
        let now = clock.now()
        let parts = snapshot.next(from: latest, at: now)
        let first = Replay.Page(
            parts.map { Self.message($0.type, $0.part, to: $0.room, at: now) }, isLast: snapshot.isFinished,
            searchedCount: snapshot.takeSearchedCount())
        hub.perform(on: shard) { [self, snapshot] shard in
            shard.join(client.client, filter)
            let rest = NIOLoopBoundBox(snapshot, eventLoop: shard.eventLoop)
            shard.replay(
                to: client.client, [joined(hub.presence.members(under: filter))], first: first, completion: completion
            ) { [self] take in
                hand(&rest.value, to: shard, take)
            }
        }
    }

    /// Puts the next page of a snapshot among what is published: what comes after it is newer.
    private func hand(
        _ snapshot: inout LatestSnapshot, to shard: HubShard, _ take: @escaping @Sendable (Replay.Page?) -> Void
    ) {
        snapshot.findDevices(among: index.withLock { $0.places })
        let now = clock.now()
        latest.withLock { latest in
            let parts = snapshot.next(from: latest, at: now)
            let page = Replay.Page(
                parts.map { Self.message($0.type, $0.part, to: $0.room, at: now) }, isLast: snapshot.isFinished,
                searchedCount: snapshot.takeSearchedCount())
            hub.perform(on: shard) { _ in take(page) }
        }
    }

    /// The known devices in their order.
    ///
    /// Ingest's lock is held only while the log of changes is taken out of the map.
    package func places() -> [DevicePlace] {
        index.withLock { index in
            update(&index)
            return index.places
        }
    }

    private func update(_ index: inout DeviceIndex) {
        let (changes, isWhole) = latest.withLock { $0.takeChanges() }
        index.apply(changes, isWhole: isWhole)
    }

    /// The next devices of `places`, at most `limit`: those after `last`. Devices that are gone are left out.
    package func devices(of places: [DevicePlace], after last: DevicePlace?, limit: Int) -> [DeviceSummary] {
        var found: [DeviceSummary] = []
        var rest = places[DeviceIndex.index(after: last, in: places)...]
        while found.count < limit, !rest.isEmpty {
            let wanted = rest.prefix(min(limit - found.count, Self.devicesPerLook))
            rest.removeFirst(wanted.count)
            let states = latest.withLock { $0.devices(at: wanted) }
            let now = clock.now()
            found += states.map { DeviceSummary($0, at: now) }
        }
        return found
    }

    /// All devices in rooms that pass `isIncluded`, in their order.
    package func devices(where isIncluded: (_ room: String) -> Bool) -> [DeviceSummary] {
        devices(of: places().filter { isIncluded($0.room) }, after: nil, limit: .max)
    }

    /// Devices known now, and devices forgotten because the map was full.
    package var deviceCounts: (known: Int, evicted: Int) {
        latest.withLock { ($0.count, $0.evictedCount) }
    }

    /// About what the latest readings take in memory, and how many series were forgotten to keep it within its budget.
    package var latestSize: (bytes: Int, evictedSeries: Int) {
        latest.withLock { ($0.byteCount, $0.evictedSeriesCount) }
    }

    /// The journey as the hub goes on with it: under a span `stream.push_data` when it is sampled.
    private func push(_ journey: Journey, at now: Timestamp, _ spans: inout [any Span]) -> Journey {
        var journey = journey
        journey.stages?.publishedAt = now
        if let tracer, let parent = journey.parent, parent.isSampled {
            let span = tracer.startSpan("stream.push_data", under: parent, at: now)
            journey.parent = span.traceContext
            spans.append(span)
        }
        return journey
    }

    /// With ``latest`` locked, as everything that is published.
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
