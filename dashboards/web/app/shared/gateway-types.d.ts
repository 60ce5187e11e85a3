/** Types of the gateway's JSON answers, for the type checker only. Times are RFC 3339 unless the name has a unit. */
import type { Alert, Notification } from "../../windsock-client.js";

/** `GET /api/dashboards`. See docs/dashboards.md. */
export interface Dashboard {
  id: string;
  title: string;
  description?: string;
  rooms: string[];
  panels: PanelDefinition[];
}

export interface PanelDefinition {
  type: "bar" | "chart" | "gauge" | "state-timeline" | "table" | "value";
  title: string;
  devices: string[];
  metrics: string[];
  unit?: string;
  units?: Record<string, string>;
  decimals?: number;
  span?: number;
  height?: number;
  stale_after_s?: number;
  window_s?: number;
  min?: number;
  max?: number;
  thresholds?: Threshold[];
  states?: { value: number; text: string; metric?: string }[];
}

export interface Threshold {
  above?: number;
  below?: number;
  level?: "warning" | "critical";
  metric?: string;
  label?: string;
}

/** A device in a list or on its own page. Times without another unit are Unix seconds. */
export interface DeviceFacts {
  device: string;
  /** Time of the first stored reading. Absent when none is stored. */
  first_seen?: number;
  last_seen: number;
  /** Usual interval between two readings of the same metrics. */
  interval_ms?: number;
  /** Absent while it is unknown. */
  status?: "online" | "offline";
  status_reason?: "will" | "silence" | "reading";
  /** RFC 3339. */
  status_since?: string;
}

/** An element of `GET /api/devices`. */
export interface Device extends DeviceFacts {
  room_id: string;
  /** Absent when it is unknown. */
  age_ms?: number;
  retained: boolean;
  /** Values by metric, and `timestamp` of the newest. Empty when none is kept. */
  data: Record<string, number>;
  units: Record<string, string>;
}

/** `GET /api/devices/{device}`. */
export interface DeviceAnswer extends DeviceFacts {
  rooms: string[];
  metrics: DeviceMetric[];
  alerts: Alert[];
  /** Absent when the token may not see dead letters. */
  dead_letter_count?: number;
  dead_letters?: DeadLetter[];
  last_message?: LastMessage;
  /** Fields of payloads that became no metric. */
  ignored_fields: { name: string; kind: string; count: number }[];
}

export interface DeviceMetric {
  name: string;
  value: number;
  unit?: string;
  time: number;
  /** Absent when it is unknown. */
  age_ms?: number;
  room_id: string;
}

export interface LastMessage {
  topic: string;
  payload?: string;
  /** Present instead of `payload` when the payload is not text. */
  payload_base64?: string;
  payload_bytes: number;
  retained: boolean;
  /** RFC 3339. */
  received_at: string;
}

/** `GET /api/alerts`. */
export interface AlertPage {
  /** Latest first. */
  alerts: Alert[];
  has_more: boolean;
  /** Value of `before` for the next page. */
  next?: string;
}

/** An element of `GET /api/notifications`. */
export interface StoredNotification extends Notification {
  read: boolean;
}

/** An element of `GET /api/clients`. */
export interface ConnectedClient {
  client_id: string;
  user_id: string;
  address?: string;
  connected_at: string;
  rooms: string[];
  room_count: number;
  queued_messages: number;
  queued_bytes: number;
  dropped: number;
  rtt_ms?: number;
  slow: boolean;
  reason?: string;
}

/** An element of `GET /api/dead-letters`. */
export interface DeadLetter {
  id: number;
  topic: string;
  /** The device that the topic names. */
  device?: string;
  reason: string;
  detail: string;
  payload?: string;
  /** Present instead of `payload` when the payload is not text. */
  payload_base64?: string;
  payload_bytes: number;
  count: number;
  first_at: string;
  last_at: string;
  trace_id?: string;
}

/** `GET /api/dead-letters`, latest first. */
export interface DeadLetterPage {
  dead_letters: DeadLetter[];
  has_more: boolean;
  forgotten: number;
}

/** `GET /api/topics`. */
export interface TopicAnswer {
  state: "off" | "listening" | "waiting" | "paused" | "refused";
  /** Time of the answer in Unix seconds. Absent when discovery is off. */
  time?: number;
  filter?: string;
  /** The reason that discovery does not listen. */
  problem?: string;
  topics?: number;
  taken_messages?: number;
  unexamined_messages?: number;
  forgotten_topics?: number;
  /** The number of patterns, of which `patterns` has the first. */
  total: number;
  patterns: TopicPattern[];
}

/** Topics of one form, that no route takes. */
export interface TopicPattern {
  pattern: string;
  topics: number;
  messages: number;
  retained_messages: number;
  per_minute?: number;
  first_at: string;
  last_at: string;
  sample: {
    topic: string;
    /** Text with escaped control characters, or bytes in hex. */
    payload: string;
    encoding: "text" | "hex";
    bytes: number;
    cut: boolean;
    retained: boolean;
  };
  conventions: { convention: string; accepted: boolean; text: string }[];
  route?: { topic: string; yaml: string; readings: string[]; note?: string };
  /** The reason that there is no route. */
  problem?: string;
}

/** `GET /api/broker`. */
export interface BrokerAddress {
  host: string;
  port: number;
  tls: boolean;
  login: boolean;
  /** A topic for a first reading, with `{device}` and perhaps `{metric}`. */
  topic?: string;
}

/** `GET /api/latency`. */
export interface LatencyAnswer {
  interval_s: number;
  threshold_ms: number;
  hops: Hop[];
  /** Slowest first. */
  traces: TraceSummary[];
}

export interface HopFigures {
  p50_ms: number;
  p90_ms: number;
  p99_ms: number;
}

export interface Hop extends HopFigures {
  hop: string;
  count: number;
  max_ms: number;
  /** Times are Unix seconds. */
  series: (HopFigures & { time: number })[];
}

export interface TraceSummary {
  trace_id: string;
  device: string;
  /** Unix seconds. */
  time: number;
  duration_ms: number;
  reason: string;
  services: string[];
  span_count: number;
}

/** `GET /api/latency/traces/{trace_id}`. */
export interface TraceAnswer {
  trace_id: string;
  device: string;
  room: string;
  spans: Span[];
}

export interface Span {
  span_id: string | null;
  parent_span_id: string | null;
  name: string;
  service: string;
  kind?: string;
  /** Unix milliseconds by the gateway's clock. */
  start_ms: number;
  duration_ms: number;
  /** `clock.estimated`: the times are estimates. `clock.skewed`: the hop that leads to the span was negative. */
  attributes?: Record<string, string | number | boolean>;
  error?: string | null;
}

/** A failed check of `GET /readyz`. */
export interface FailedCheck {
  name: string;
  status: string;
  reason?: string;
}
