/** One reading, as `data_update` carries it. */
export interface DataUpdate {
  /** The concrete room. */
  room_id: string;
  device: string;
  /** Values by metric, and `timestamp`: Unix seconds, fractional. */
  data: { timestamp: number; [metric: string]: number };
  units?: Record<string, string>;
  /** The latest value from before the join: it replaces what was known. */
  snapshot?: boolean;
  /** Of a snapshot. */
  age_ms?: number;
  /** Kept by the broker; without `age_ms` nobody knows how old it is. */
  retained?: boolean;
  /** The implausible time that the device claimed, Unix seconds. */
  device_time?: number;
}

/** A device came back or went. */
export interface DeviceStatus {
  room_id: string;
  device: string;
  status: "online" | "offline";
  reason: "will" | "silence" | "reading";
  /** RFC 3339. */
  since: string;
  snapshot?: boolean;
}

/** What somebody said in a room. */
export interface ChatMessage {
  room_id: string;
  user_id: string;
  content: string;
  message_id: string;
}

/** An alert, as `GET /api/alerts` gives it. */
export interface Alert {
  alert_id: string;
  /** The rule's name. */
  rule: string;
  title: string;
  severity: "info" | "warning" | "critical";
  state: "pending" | "firing" | "resolved";
  device: string;
  /** The device's room. */
  room_id: string;
  metric: string;
  unit?: string;
  /** The latest; absent when there is none, as of a device that went silent. */
  value?: number;
  /** In words: `above 30 for 10s`. */
  condition: string;
  /** For people. */
  message: string;
  /** All times here are RFC 3339. */
  pending_at: string;
  fired_at?: string;
  resolved_at?: string;
  acknowledged_at?: string;
  acknowledged_by?: string;
  /** Nobody is told of this rule's alerts of this device until then. */
  silenced_until?: string;
  /** Earlier alerts of its rule and device that nobody was told of. */
  suppressed?: number;
  /** Of the reading behind it. */
  trace_id?: string;
}

/**
 * An alert fired, was resolved, acknowledged or silenced: said in the device's room (without an offset), and in the rooms
 * that the rule names. Whoever is in both gets it twice.
 */
export interface AlertMessage {
  /** The room that it is said in. */
  room_id: string;
  alert: Alert;
}

/** What a device measured of one metric in one unit. */
export interface ReadingSeries {
  room_id: string;
  metric: string;
  unit?: string;
  /** How wide buckets are, in seconds. Absent when the points are readings. */
  bucket_s?: number;
  /** By time (Unix seconds). Of buckets, the time is where it starts; empty ones are left out. */
  points: [time: number, value: number][] | [time: number, min: number, avg: number, max: number, count: number][];
}

/** What a device measured in `from <= time < to`, Unix seconds. */
export interface Readings {
  device: string;
  from: number;
  to: number;
  series: ReadingSeries[];
}

export interface ReadingsQuestion {
  device: string;
  /** One, several, or without it all. */
  metric?: string | string[];
  /** Where devices of one name are in several rooms. */
  room?: string;
  /** A date, Unix seconds, or RFC 3339; an hour before `to` without it. */
  from?: Date | number | string;
  /** Not included; now without it. */
  to?: Date | number | string;
  /** At most so many of each series, 1 to 10,000 (1,000 without it); more readings come as buckets. */
  points?: number;
  signal?: AbortSignal;
}

/** What somebody said to this user. */
export interface DirectMessage {
  /** The sender. */
  user_id: string;
  content: string;
  message_id: string;
}

export type Priority = "low" | "normal" | "high" | "critical";

/** What a user is told. */
export interface Notification {
  notification_id: string;
  title: string;
  body: string;
  /** http, https, or a path of the gateway's own origin. */
  link?: string;
  priority: Priority;
  /** RFC 3339. */
  created_at: string;
  expires_at?: string;
  /** Of an alert: earlier ones of its rule and device that nobody was told of. */
  suppressed?: number;
  /** It waited for the user to come. */
  snapshot?: boolean;
}

export interface Presence {
  room_id: string;
  user_id: string;
  event: "join" | "leave";
}

/**
 * Messages that did not arrive: readings or presence left out because this client is slow, or history that cannot be
 * had.
 */
export interface Gap {
  room_id: string;
  /** How many, when that is known. */
  dropped?: number;
  /** Why a part of a room's history is missing; absent for readings or presence that were left out. */
  reason?: string;
}

/** A message of the gateway. */
export interface Envelope<Payload = any> {
  type: string;
  payload: Payload;
  /** RFC 3339. */
  timestamp: string;
  id?: string;
  /** Its position in the room's history. */
  offset?: number;
  /** Of a traced message. */
  trace_id?: string;
  /** Of a traced message: what sent it. */
  span_id?: string;
  /** Of a traced message, as W3C Trace Context has it. */
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
  /** Of rooms that remember. */
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

/** Where the connection stands. `closed` is final: sign in again, or `close()` was called. */
export type ConnectionState =
  | { state: "idle" | "connecting" | "open" }
  | { state: "waiting"; code?: number; reason?: string; attempt: number; retryAt: number }
  | { state: "closed"; code: number; reason?: string };

export interface JoinOptions {
  onData?(update: DataUpdate, envelope: Envelope<DataUpdate>): void;
  /**
   * What is said in the room: in order, each once, over reconnects. `message` is `envelope.payload`; `envelope.type`
   * tells which of the two that is.
   */
  onMessage?(message: ChatMessage | AlertMessage, envelope: ChatEnvelope | AlertEnvelope): void;
  onPresence?(presence: Presence, envelope: Envelope<Presence>): void;
  onStatus?(status: DeviceStatus, envelope: Envelope<DeviceStatus>): void;
  onGap?(gap: Gap): void;
  /** After the first join and after each rejoin, before what follows. */
  onJoined?(joined: Joined): void;
  /** The room cannot be joined, or no longer. */
  onError?(error: WindsockError): void;
  /** At most so many readings a second of each device and set of metrics. */
  maxRateHz?: number;
}

export interface Options {
  /** The gateway's `/ws`; `http(s)` and relative addresses are fine in a browser. */
  url: string | URL;
  /** Needed unless there is `getToken`. */
  token?: string | (() => string);
  /** Asked before each connection, a minute before the token ends, and when the gateway says that it has ended. */
  getToken?: () => Promise<string>;
  WebSocket?: typeof WebSocket;
  fetch?: typeof fetch;
  /** Asked after a refused handshake: `false` ends the client with code 4500. */
  checkToken?: (token: string) => Promise<boolean>;
  random?: () => number;
  now?: () => number;
  backoffBaseMs?: number;
  backoffCapMs?: number;
  stableAfterMs?: number;
  connectTimeoutMs?: number;
  requestTimeoutMs?: number;
  maxPendingRequests?: number;
  maxOutbox?: number;
  clockIntervalMs?: number;
  /** Reports to the gateway when traced messages came and were `painted`: true in a page, false elsewhere. */
  tracing?: boolean;
}

export interface Events {
  state: ConnectionState;
  welcome: Welcome;
  data: DataUpdate;
  status: DeviceStatus;
  chat: ChatMessage;
  alert: AlertMessage;
  direct: DirectMessage;
  /** Each once. */
  notification: Notification;
  /** What was read, here or in another tab. */
  read: { notification_ids?: string[]; all?: boolean; unread: number };
  unread: number;
  presence: Presence;
  gap: Gap;
  error: WindsockError;
  /** Every message as it came. */
  message: Envelope;
}

/** One joined room or filter. */
export interface RoomHandle {
  readonly room: string;
  readonly state: "joining" | "joined" | "failed" | "left";
  /** Fulfilled by the first join; rejected with a {@link WindsockError} when the room cannot be joined. */
  readonly ready: Promise<Joined>;
  leave(): void;
}

/** What went wrong, with the gateway's error code or one of the client's own. */
export class WindsockError extends Error {
  constructor(code: string, message: string, temporary?: boolean);
  readonly code: string;
  /** Whether the same may work later. */
  readonly temporary: boolean;
}

/** A client of one gateway. */
export class WindsockClient {
  constructor(options: Options);
  readonly state: ConnectionState;
  /** The token's `sub`; null before the first `welcome`. */
  readonly userID: string | null;
  readonly unread: number;
  /** Gateway time minus ours, and how far off that can be (Infinity before the first round trip), in milliseconds. */
  readonly clock: { offsetMs: number; uncertaintyMs: number };
  /** The gateway's time: Unix milliseconds. */
  serverNow(): number;
  /** Tells that a message was drawn: with the next animation frame, or at a known time of the option `now`. */
  painted(envelope: Envelope, at?: number): void;
  /** Tells that a message was taken but is not drawn, because nobody would see it. */
  unpainted(envelope: Envelope): void;
  /** Listens; what is returned stops it. `data`, `status`, `presence`, `chat` and `alert` come with their envelope. */
  on<Event extends keyof Events>(
    event: Event, listener: (value: Events[Event], envelope?: Envelope<Events[Event]>) => void,
  ): () => void;
  connect(): void;
  retryNow(): void;
  close(): void;
  join(room: string, options?: JoinOptions): RoomHandle;
  sendToRoom(
    room: string, content: string, options?: { idempotencyKey?: string },
  ): Promise<{ message_id: string; offset: number }>;
  sendToUser(user: string, content: string, options?: { idempotencyKey?: string }): Promise<{ message_id: string }>;
  markRead(notification: string | "all"): Promise<{ unread: number }>;
  refreshToken(token: string): Promise<{ expires_at: string }>;
  /** Reads what a device measured; rejects with a {@link WindsockError}, `not_found` when nothing of it is stored. */
  readings(question: ReadingsQuestion): Promise<Readings>;
  /** Any command of the protocol. */
  request(type: string, payload: object, timeoutMs?: number): Promise<any>;
}
