/** A reading, as `data_update` carries it. */
export interface DataUpdate {
  /** The concrete room. */
  room_id: string;
  device: string;
  /** Values by metric, and `timestamp` in Unix seconds with a fraction. */
  data: { timestamp: number; [metric: string]: number };
  units?: Record<string, string>;
  /** The latest reading from before the join, which replaces all that was known. */
  snapshot?: boolean;
  /** Age of a snapshot. */
  age_ms?: number;
  /** In a snapshot: the device's usual interval between two readings of the same metrics, if known. */
  interval_ms?: number;
  /** Retained by the broker. Without `age_ms` its age is unknown. */
  retained?: boolean;
  /** The implausible time that the device claimed, in Unix seconds. */
  device_time?: number;
}

/** A device went online or offline. */
export interface DeviceStatus {
  room_id: string;
  device: string;
  status: "online" | "offline";
  reason: "will" | "silence" | "reading";
  /** RFC 3339. */
  since: string;
  snapshot?: boolean;
}

/** A chat message of a room. */
export interface ChatMessage {
  room_id: string;
  user_id: string;
  content: string;
  message_id: string;
}

/** An alert, as `GET /api/alerts` returns it. All times are RFC 3339. */
export interface Alert {
  alert_id: string;
  /** Name of the rule. */
  rule: string;
  title: string;
  severity: "info" | "warning" | "critical";
  state: "pending" | "firing" | "resolved";
  device: string;
  /** Room of the device. */
  room_id: string;
  metric: string;
  unit?: string;
  /** The latest value. Absent when there is none, for example after a device went silent. */
  value?: number;
  /** The condition in words, for example `above 30 for 10s`. */
  condition: string;
  /** Text for users. */
  message: string;
  pending_at: string;
  fired_at?: string;
  resolved_at?: string;
  acknowledged_at?: string;
  acknowledged_by?: string;
  /** Until then the rule notifies nobody about this device. */
  silenced_until?: string;
  /** Number of earlier alerts of the same rule and device without a notification. */
  suppressed?: number;
  /** Trace of the reading that caused the alert. */
  trace_id?: string;
}

/**
 * An alert fired, was resolved, acknowledged or silenced. The gateway publishes it in the device's room (without an
 * offset) and in the rooms that the rule names (with an offset). A client in both gets it twice.
 */
export interface AlertMessage {
  /** The room of this message, which need not be the device's. */
  room_id: string;
  alert: Alert;
}

/** Readings of one metric in one unit. */
/** A limit of an alert rule that watches a metric. It has either `above` or `below`. */
export interface RuleLimit {
  above?: number;
  below?: number;
  severity: "info" | "warning" | "critical";
}

export interface ReadingSeries {
  room_id: string;
  metric: string;
  unit?: string;
  /** Width of the buckets in seconds. Absent when the points are readings. */
  bucket_s?: number;
  /** Limits of the alert rules that watch the series. Absent when there are none. */
  limits?: RuleLimit[];
  /** Readings or buckets in order of time (Unix seconds). A bucket has the time of its start; empty ones are absent. */
  points: [time: number, value: number][] | [time: number, min: number, avg: number, max: number, count: number][];
}

/** Readings of a device in `from <= time < to`, in Unix seconds. */
export interface Readings {
  device: string;
  from: number;
  to: number;
  series: ReadingSeries[];
}

export interface ReadingsQuestion {
  device: string;
  /** One metric or several. Default: all. */
  metric?: string | string[];
  /** Selects one room when devices in several rooms share the name. */
  room?: string;
  /** A date, Unix seconds, or RFC 3339. Default: an hour before `to`. */
  from?: Date | number | string;
  /** Exclusive end. Default: now. */
  to?: Date | number | string;
  /** Maximum number of points of each series, 1 to 10,000; default 1,000. More readings are returned as buckets. */
  points?: number;
  signal?: AbortSignal;
}

/** A message from another user to this one. */
export interface DirectMessage {
  /** The sender. */
  user_id: string;
  content: string;
  message_id: string;
}

export type Priority = "low" | "normal" | "high" | "critical";

/** A notification of this user. */
export interface Notification {
  notification_id: string;
  title: string;
  body: string;
  /** http, https, or a path of the gateway's origin. */
  link?: string;
  priority: Priority;
  /** RFC 3339. */
  created_at: string;
  expires_at?: string;
  /** For alerts: number of earlier alerts of the same rule and device without a notification. */
  suppressed?: number;
  /** It was stored while the user was away. */
  snapshot?: boolean;
}

export interface Presence {
  room_id: string;
  user_id: string;
  event: "join" | "leave";
}

/**
 * Messages that were not delivered: readings or presence events that were dropped because this client is slow, or
 * history that cannot be recovered.
 */
export interface Gap {
  room_id: string;
  /** Number of messages, when it is known. */
  dropped?: number;
  /** Reason for a gap in a room's history. Absent for dropped readings and presence events. */
  reason?: string;
}

/** A message of the gateway. */
export interface Envelope<Payload = any> {
  type: string;
  payload: Payload;
  /** RFC 3339. */
  timestamp: string;
  id?: string;
  /** Position in the room's history. */
  offset?: number;
  /** Trace of a traced message. */
  trace_id?: string;
  /** Span that sent a traced message. */
  span_id?: string;
  /** W3C Trace Context of a traced message. */
  traceparent?: string;
}

export interface ChatEnvelope extends Envelope<ChatMessage> {
  type: "chat_message";
}

export interface AlertEnvelope extends Envelope<AlertMessage> {
  type: "alert";
}

export interface Joined {
  room_id: string;
  /** For rooms with a history. */
  epoch?: string;
  offset?: number;
  recovered: boolean;
  members: { users: number; clients: number };
}

export interface Welcome {
  client_id: string;
  user_id: string;
  server_time: number;
  ping_interval_s: number;
  limits: { message_bytes: number; queue_bytes: number; rooms: number; commands_per_second: number };
  unread?: number;
  inbox?: { offset: number; epoch: string };
}

/** State of the connection. `closed` is final: the token was refused, or `close()` was called. */
export type ConnectionState =
  | { state: "idle" | "connecting" | "open" }
  | {
      state: "waiting";
      /** Close code of the last connection. */
      code?: number;
      reason?: string;
      /** Number of failed attempts in a row. */
      attempt: number;
      /** Time of the next attempt, in milliseconds of the option `now`. */
      retryAt: number;
    }
  | { state: "closed"; code: number; reason?: string };

export interface JoinOptions {
  onData?(update: DataUpdate, envelope: Envelope<DataUpdate>): void;
  /**
   * Gets the room's messages in order and each once, across reconnects. `message` is `envelope.payload`;
   * `envelope.type` tells the two kinds apart.
   */
  onMessage?(message: ChatMessage | AlertMessage, envelope: ChatEnvelope | AlertEnvelope): void;
  onPresence?(presence: Presence, envelope: Envelope<Presence>): void;
  onStatus?(status: DeviceStatus, envelope: Envelope<DeviceStatus>): void;
  onGap?(gap: Gap): void;
  /** Called after the first join and each rejoin, before the snapshot. */
  onJoined?(joined: Joined): void;
  /** Called when the room cannot be joined, or no longer. */
  onError?(error: WindsockError): void;
  /** Maximum rate of readings of each device and set of metrics. */
  maxRateHz?: number;
}

export interface Options {
  /** URL of the gateway's `/ws`. In a browser it may be `http(s)` or relative. */
  url: string | URL;
  /** Required unless there is `getToken`. */
  token?: string | (() => string);
  /** Called before each connection, a minute before the token expires, and when the gateway says it has expired. */
  getToken?: () => Promise<string>;
  /** Default: the global one. */
  WebSocket?: typeof WebSocket;
  /** Reads histories and readings, and sends spans. Default: the global one. */
  fetch?: typeof fetch;
  /** Called after a failed handshake, because a browser hides its 401. `false` closes the client with code 4500. */
  checkToken?: (token: string) => Promise<boolean>;
  /** Returns 0 ≤ x < 1. */
  random?: () => number;
  /** Returns Unix milliseconds and never steps. */
  now?: () => number;
  /** Default: 500. */
  backoffBaseMs?: number;
  /** Default: 30,000. */
  backoffCapMs?: number;
  /** A connection that lasts this long resets the back-off. Default: 10,000. */
  stableAfterMs?: number;
  /** Time limit until `welcome`. Default: 10,000. */
  connectTimeoutMs?: number;
  /** Default: 10,000. */
  requestTimeoutMs?: number;
  /** Default: 256. */
  maxPendingRequests?: number;
  /** Messages that may wait to be sent. Default: 100. */
  maxOutbox?: number;
  /** Interval of the round trips that measure the clock and detect a dead connection. Default: 20,000. */
  clockIntervalMs?: number;
  /** Reports the arrival and paint of traced messages to the gateway. Default: true in a page, false elsewhere. */
  tracing?: boolean;
}

/** Values of the events, by name. */
export interface Events {
  state: ConnectionState;
  welcome: Welcome;
  data: DataUpdate;
  status: DeviceStatus;
  chat: ChatMessage;
  alert: AlertMessage;
  direct: DirectMessage;
  /** Emitted once for each notification. */
  notification: Notification;
  /** Notifications were read, here or in another tab. */
  read: { notification_ids?: string[]; all?: boolean; unread: number };
  unread: number;
  presence: Presence;
  gap: Gap;
  error: WindsockError;
  /** Emitted for every message, as it arrived. */
  message: Envelope;
}

/** Events of room messages. Their listeners get the envelope as a second value. */
export type RoomEvent = "data" | "status" | "presence" | "chat" | "alert";

/** Parameters of an event's listener. */
export type EventValues<Event extends keyof Events> =
  Event extends RoomEvent ? [value: Events[Event], envelope: Envelope<Events[Event]>] : [value: Events[Event]];

/** A joined room or filter. */
export interface RoomHandle {
  readonly room: string;
  readonly state: "joining" | "joined" | "failed" | "left";
  /** Resolves with the first join; rejects with a {@link WindsockError} when the room cannot be joined. */
  readonly ready: Promise<Joined>;
  leave(): void;
}

/** An error with the gateway's code or one of the client's own. */
export class WindsockError extends Error {
  constructor(code: string, message: string, temporary?: boolean);
  readonly code: string;
  /** Whether a retry may succeed. */
  readonly temporary: boolean;
}

/** A client of one gateway. */
export class WindsockClient {
  constructor(options: Options);
  readonly state: ConnectionState;
  /** The token's `sub`; null before the first `welcome`. */
  readonly userID: string | null;
  /** Number of unread notifications. */
  readonly unread: number;
  /** Gateway time minus local time, and its uncertainty (Infinity before the first round trip), in milliseconds. */
  readonly clock: { offsetMs: number; uncertaintyMs: number };
  /** Returns the gateway's time in Unix milliseconds. */
  serverNow(): number;
  /**
   * Ends the trace of a message that was drawn: with the next animation frame, or at a time of the option `now`. Does
   * nothing for messages without a trace, and for a second call.
   */
  painted(envelope: Envelope, at?: number): void;
  /** Ends the trace of a message that was handled but is not on the screen. */
  unpainted(envelope: Envelope): void;
  /** Adds a listener. Returns a function that removes it. */
  on<Event extends keyof Events>(event: Event, listener: (...values: EventValues<Event>) => void): () => void;
  /** Connects and stays connected until {@link close}. */
  connect(): void;
  /** Skips the back-off. Does nothing unless `waiting`. */
  retryNow(): void;
  /** Closes for good. Joins end with the code `closed`. */
  close(): void;
  /** Joins a room or filter now or with the next connection, and again after each reconnect. */
  join(room: string, options?: JoinOptions): RoomHandle;
  /** Sends a chat message now or with the next connection. The promise resolves after the gateway has stored it. */
  sendToRoom(
    room: string, content: string, options?: { idempotencyKey?: string },
  ): Promise<{ message_id: string; offset: number }>;
  /** Sends a direct message in the same way. */
  sendToUser(user: string, content: string, options?: { idempotencyKey?: string }): Promise<{ message_id: string }>;
  /** Marks a notification, or all of them, as read. The user's other clients learn of it. */
  markRead(notification: string | "all"): Promise<{ unread: number }>;
  /** Continues with another token of the same user. Rooms that it does not grant are left. */
  refreshToken(token: string): Promise<{ expires_at: string }>;
  /** Reads a device's readings. Rejects with a {@link WindsockError}: `not_found` when none are stored. */
  readings(question: ReadingsQuestion): Promise<Readings>;
  /** Sends a command of the protocol and awaits its answer. Rejects with a {@link WindsockError}. */
  request(type: string, payload: object, timeoutMs?: number): Promise<any>;
}
