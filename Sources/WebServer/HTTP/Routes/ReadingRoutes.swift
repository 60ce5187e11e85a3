import Core
import HTTPTypes
import Hummingbird
import NIOCore
import Services
import Storage
import Telemetry

/// The route `GET /api/readings`. It returns chart points as JSON, with the limits of the alert rules that watch them. As
/// CSV or NDJSON it returns all readings of the range, or chart points if the request has `points`. Answers are
/// streamed.
///
/// The token's `join` must cover the device's room.
struct ReadingRoutes {
    private static let maxPoints: Int64 = 10_000
    private static let defaultPoints: Int64 = 1000
    /// The largest number of points of all series in one answer.
    private static let maxAnswerPoints = 250_000
    private static let defaultSpan = Duration.seconds(3600)

    let readings: ReadingHistory
    let alerts: AlertService
    var clock: any WallClock = SystemWallClock()

    func register(on group: RouterGroup<GatewayRequestContext>) {
        group.get("readings", use: readings)
    }

    @Sendable private func readings(_ request: Request, _ context: GatewayRequestContext) async throws -> Response {
        let identity = try context.requireIdentity()
        guard let device = request.query("device"), !device.isEmpty else {
            throw Problem(.badRequest, "\"device\" is required, as in ?device=greenhouse-1.")
        }
        let room = request.query("room_id")
        let metrics = request.queries("metric")
        let range = try request.timeRange(to: clock.now()) { $0.advanced(by: .zero - Self.defaultSpan) }
        let format = try ReadingFormat(query: request.query("format"), accept: request.headers[.accept])
        let points = try request.query(
            "points", in: 1...Self.maxPoints, default: format == .json ? Self.defaultPoints : 0)
        let series = try await readings.series(of: device, metrics: metrics) { name in
            identity.grants.canSee(room: name) && (room == nil || room == name)
        }
        guard points > 0 else { return stream(series, in: range, as: format, for: identity.user) }
        guard Int(points) * series.count <= Self.maxAnswerPoints else {
            throw Problem(
                .badRequest,
                "Too many points (\(series.count) series of \(points) points); allowed: at most "
                    + "\(Self.maxAnswerPoints) in total. Request fewer points, or select metrics.")
        }
        return try await .parts(
            ChartAnswer(
                readings: readings, alerts: alerts, user: identity.user, device: device, range: range,
                maxPoints: Int(points),
                format: format, rest: series[...]), type: format.contentType)
    }

    /// Returns a response that streams all readings page by page, each after the client has accepted the one before.
    private func stream(
        _ series: [StoredSeries], in range: Range<Timestamp>, as format: ReadingFormat, for user: UserID
    ) -> Response {
        let body = ResponseBody { [readings] writer in
            let text = ReadingText(series: series, format: format)
            if let head = text.head { try await writer.write(ByteBuffer(bytes: head)) }
            var last: StoredValue?
            while true {
                let page = try await readings.page(of: series, in: range, after: last, for: user)
                guard let end = page.last else { break }
                var rest = page[...]
                while case let lines = text.lines(&rest, upTo: Response.portionByteCount), !lines.isEmpty {
                    try await writer.write(ByteBuffer(bytes: lines))
                }
                last = end
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: format.contentType], body: body)
    }
}

/// A chart whose series are read one by one, and written in portions, while the client reads the answer.
private struct ChartAnswer: StreamedBody {
    let readings: ReadingHistory
    let alerts: AlertService
    let user: UserID
    let device: String
    let range: Range<Timestamp>
    let maxPoints: Int
    let format: ReadingFormat
    var rest: ArraySlice<StoredSeries>
    /// The series that is being written.
    private var text: ChartText?
    private var hasBegun = false
    private var isFinished = false

    init(
        readings: ReadingHistory, alerts: AlertService, user: UserID, device: String, range: Range<Timestamp>,
        maxPoints: Int,
        format: ReadingFormat, rest: ArraySlice<StoredSeries>
    ) {
        self.readings = readings
        self.alerts = alerts
        self.user = user
        self.device = device
        self.range = range
        self.maxPoints = maxPoints
        self.format = format
        self.rest = rest
    }

    mutating func next() async throws -> [UInt8]? {
        guard !isFinished else { return nil }
        var bytes = hasBegun ? [] : ChartText.head(of: device, in: range, as: format)
        while bytes.count < Response.portionByteCount {
            if text == nil, let series = rest.popFirst() {
                let lines = try await readings.chart(
                    of: [series], in: range, maxPoints: maxPoints, for: user, isContinued: hasBegun)
                text = lines.first.map { line in
                    ChartText(
                        line, limits: alerts.limits(of: device, metric: series.metric), isFirst: !hasBegun, as: format)
                }
                hasBegun = true
            }
            guard text != nil else { break }
            text?.write(to: &bytes, upTo: Response.portionByteCount)
            if text?.isFinished == true { text = nil }
        }
        if rest.isEmpty, text == nil {
            bytes += ChartText.tail(as: format)
            isFinished = true
        }
        return bytes
    }
}
