#!/usr/bin/env python3
"""An OTLP/HTTP receiver for tests, independent of Windsock: it parses with the official opentelemetry-proto package.

    otlp_receiver.py [--port 0]

Prints one line of JSON when it listens: {"port": 4318}. Serves until it is killed.

    POST /v1/traces | /v1/metrics | /v1/logs    protobuf or JSON, gzip or not; parsed strictly, 400 when it is wrong
    GET  /spans | /metrics | /logs              what was accepted so far, flattened, as a JSON list
    GET  /requests                              every POST so far: path, content_type, encoding, headers, status, error
    POST /behaviour                             how to answer the next requests:
         {"status": 503, "retry_after": 1, "times": 2}      not accepted, twice
         {"reject": 1, "message": "why", "times": 1}        accepted but for one item (partial success)
         {"hang_s": 30, "times": 1}                         no answer, not accepted
         "path" limits it to one signal
    POST /reset                                 forgets everything
"""

import argparse
import base64
import gzip
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf import json_format
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

MAX_BODY_BYTES = 32 << 20
PROTOBUF, JSON = "application/x-protobuf", "application/json"


class Invalid(Exception):
    """A request that breaks the protocol."""


# Parsing


def check_known(message):
    """Refuses fields that the official messages do not have."""
    if len(UnknownFieldSet(message)):
        raise Invalid(f"{message.DESCRIPTOR.full_name} has unknown fields")
    for descriptor, value in message.ListFields():
        if descriptor.type != descriptor.TYPE_MESSAGE:
            continue
        for part in value if hasattr(value, "append") or hasattr(value, "add") else [value]:
            check_known(part)


ID_DIGITS = {"traceId": 32, "spanId": 16, "parentSpanId": 16}
ENUMS = {"kind", "code", "severityNumber", "aggregationTemporality"}


def from_otlp_json(value):
    """OTLP's JSON as protobuf's JSON mapping has it: ids are hexadecimal there, enums integers only.

    Attributes hold their names in values ("key": "kind"), never as names of members, so that names suffice.
    """
    if isinstance(value, list):
        return [from_otlp_json(element) for element in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for name, member in value.items():
        if name in ID_DIGITS:
            if member and not re.fullmatch(r"[0-9a-fA-F]{%d}" % ID_DIGITS[name], member):
                raise Invalid(f"{name} is {member!r}, not {ID_DIGITS[name]} hexadecimal digits")
            member = base64.b64encode(bytes.fromhex(member)).decode()
        elif name in ENUMS and not isinstance(member, int):
            raise Invalid(f"{name} is {member!r}, not an integer")
        result[name] = from_otlp_json(member)
    return result


def parse(request_type, content_type, body):
    try:
        if content_type == PROTOBUF:
            message = request_type.FromString(body)
            check_known(message)
            return message
        return json_format.ParseDict(from_otlp_json(json.loads(body)), request_type())
    except Invalid:
        raise
    except Exception as error:
        raise Invalid(f"{type(error).__name__}: {error}") from error


# Flattening


def any_value(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [any_value(element) for element in value.array_value.values]
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind) if kind else None


def attributes(pairs):
    result = {}
    for pair in pairs:
        if pair.key in result or not pair.key:
            raise Invalid(f"the attribute {pair.key!r} is empty or occurs twice")
        result[pair.key] = any_value(pair.value)
    return result


def checked_id(value, size, what, is_optional=False):
    if is_optional and not value:
        return ""
    if len(value) != size or not any(value):
        raise Invalid(f"{what} is {value.hex()!r}")
    return value.hex()


def flat_spans(request):
    for group in request.resource_spans:
        resource = attributes(group.resource.attributes)
        for scope in group.scope_spans:
            for span in scope.spans:
                if span.end_time_unix_nano < span.start_time_unix_nano:
                    raise Invalid(f"{span.name} ends before it begins")
                if not span.name:
                    raise Invalid("a span has no name")
                yield {
                    "service": resource.get("service.name"),
                    "resource": resource,
                    "scope": scope.scope.name,
                    "trace_id": checked_id(span.trace_id, 16, "trace_id"),
                    "span_id": checked_id(span.span_id, 8, "span_id"),
                    "parent_span_id": checked_id(span.parent_span_id, 8, "parent_span_id", is_optional=True),
                    "trace_state": span.trace_state,
                    "flags": span.flags,
                    "name": span.name,
                    "kind": trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
                    "start_ns": str(span.start_time_unix_nano),
                    "end_ns": str(span.end_time_unix_nano),
                    "attributes": attributes(span.attributes),
                    "dropped_attributes": span.dropped_attributes_count,
                    "events": [
                        {
                            "name": event.name,
                            "time_ns": str(event.time_unix_nano),
                            "attributes": attributes(event.attributes),
                        }
                        for event in span.events
                    ],
                    "dropped_events": span.dropped_events_count,
                    "links": [
                        {
                            "trace_id": checked_id(link.trace_id, 16, "link.trace_id"),
                            "span_id": checked_id(link.span_id, 8, "link.span_id"),
                            "trace_state": link.trace_state,
                            "flags": link.flags,
                            "attributes": attributes(link.attributes),
                        }
                        for link in span.links
                    ],
                    "dropped_links": span.dropped_links_count,
                    "status": {
                        "code": trace_pb2.Status.StatusCode.Name(span.status.code)
                        .removeprefix("STATUS_CODE_").lower(),
                        "message": span.status.message,
                    },
                }


def flat_metrics(request):
    for group in request.resource_metrics:
        resource = attributes(group.resource.attributes)
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind) if kind else None
                if data is None or not data.data_points:
                    raise Invalid(f"the metric {metric.name!r} has no data")
                for point in data.data_points:
                    yield flat_point(resource, metric, kind, data, point)


def flat_point(resource, metric, kind, data, point):
    result = {
        "service": resource.get("service.name"),
        "name": metric.name,
        "description": metric.description,
        "unit": metric.unit,
        "kind": kind,
        "attributes": attributes(point.attributes),
        "start_ns": str(point.start_time_unix_nano),
        "time_ns": str(point.time_unix_nano),
    }
    if kind != "gauge":
        temporality = metrics_pb2.AggregationTemporality.Name(data.aggregation_temporality)
        result["temporality"] = temporality.removeprefix("AGGREGATION_TEMPORALITY_").lower()
        if not 0 < point.start_time_unix_nano <= point.time_unix_nano:
            raise Invalid(f"the metric {metric.name!r} ends before it begins")
    if kind == "sum":
        result["monotonic"] = data.is_monotonic
    if kind == "histogram":
        if len(point.bucket_counts) != len(point.explicit_bounds) + 1 or sum(point.bucket_counts) != point.count:
            raise Invalid(f"the buckets of {metric.name!r} do not add up")
        result.update(
            count=point.count, sum=point.sum, bounds=list(point.explicit_bounds), buckets=list(point.bucket_counts))
    else:
        result["value"] = getattr(point, point.WhichOneof("value"))
    return result


def flat_logs(request):
    for group in request.resource_logs:
        resource = attributes(group.resource.attributes)
        for scope in group.scope_logs:
            for record in scope.log_records:
                yield {
                    "service": resource.get("service.name"),
                    "time_ns": str(record.time_unix_nano),
                    "severity": record.severity_number,
                    "severity_text": record.severity_text,
                    "body": any_value(record.body),
                    "attributes": attributes(record.attributes),
                    "trace_id": checked_id(record.trace_id, 16, "trace_id", is_optional=True),
                    "span_id": checked_id(record.span_id, 8, "span_id", is_optional=True),
                }


class Signal:
    def __init__(self, request_type, response_type, flatten, rejected):
        self.request_type, self.response_type = request_type, response_type
        self.flatten, self.rejected = flatten, rejected


SIGNALS = {
    "/v1/traces": Signal(
        trace_service_pb2.ExportTraceServiceRequest, trace_service_pb2.ExportTraceServiceResponse, flat_spans,
        "rejected_spans"),
    "/v1/metrics": Signal(
        metrics_service_pb2.ExportMetricsServiceRequest, metrics_service_pb2.ExportMetricsServiceResponse,
        flat_metrics, "rejected_data_points"),
    "/v1/logs": Signal(
        logs_service_pb2.ExportLogsServiceRequest, logs_service_pb2.ExportLogsServiceResponse, flat_logs,
        "rejected_log_records"),
}
LISTS = {"/spans": "/v1/traces", "/metrics": "/v1/metrics", "/logs": "/v1/logs"}


class Store:
    """What came so far, and how to answer what comes next."""

    def __init__(self):
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        self.items = {path: [] for path in SIGNALS}
        self.requests = []
        self.behaviours = []

    def take_behaviour(self, path):
        with self.lock:
            for behaviour in self.behaviours:
                if behaviour.get("path", path) == path:
                    behaviour["times"] = behaviour.get("times", 1) - 1
                    if behaviour["times"] <= 0:
                        self.behaviours.remove(behaviour)
                    return dict(behaviour)
        return {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store = Store()

    def log_message(self, *arguments):
        pass

    def answer(self, status, body, content_type=JSON, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in [("Content-Type", content_type), ("Content-Length", str(len(data))), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def read_body(self):
        size = int(self.headers.get("Content-Length") or 0)
        if size > MAX_BODY_BYTES:
            raise Invalid("the body is too long")
        body = self.rfile.read(size)
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding == "gzip":
            body = gzip.decompress(body)
        elif encoding != "identity":
            raise Invalid(f"Content-Encoding is {encoding!r}")
        return body

    def do_GET(self):
        with self.store.lock:
            if self.path in LISTS:
                found = list(self.store.items[LISTS[self.path]])
            elif self.path == "/requests":
                found = list(self.store.requests)
            else:
                found = None
        self.answer(200 if found is not None else 404, found if found is not None else {"error": "not found"})

    def do_POST(self):
        if self.path == "/behaviour":
            behaviour = json.loads(self.read_body())
            with self.store.lock:
                self.store.behaviours.append(behaviour)
            return self.answer(200, {})
        if self.path == "/reset":
            self.read_body()
            with self.store.lock:
                self.store.clear()
            return self.answer(200, {})
        signal = SIGNALS.get(self.path)
        if signal is None:
            self.read_body()
            return self.answer(404, {"error": "not found"})
        return self.receive(signal)

    def receive(self, signal):
        content_type = (self.headers.get("Content-Type") or "").split(";")[0].strip()
        behaviour = self.store.take_behaviour(self.path)
        note = {
            "path": self.path,
            "content_type": content_type,
            "encoding": self.headers.get("Content-Encoding", "identity"),
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }
        try:
            body = self.read_body()
            if content_type not in (PROTOBUF, JSON):
                raise Invalid(f"Content-Type is {content_type!r}")
            items = list(signal.flatten(parse(signal.request_type, content_type, body)))
        except (Invalid, OSError, EOFError) as error:
            note.update(status=400, error=str(error))
            with self.store.lock:
                self.store.requests.append(note)
            print(f"refused {self.path}: {error}", file=sys.stderr, flush=True)
            return self.answer(400, {"message": str(error)})

        status = behaviour.get("status", 200)
        rejected = min(behaviour.get("reject", 0), len(items))
        with self.store.lock:
            self.store.requests.append(dict(note, status="none" if "hang_s" in behaviour else status))
            if status == 200 and "hang_s" not in behaviour:
                self.store.items[self.path] += items[: len(items) - rejected]
        if "hang_s" in behaviour:
            threading.Event().wait(behaviour["hang_s"])
            self.close_connection = True
            return None
        headers = [("Retry-After", str(behaviour["retry_after"]))] if "retry_after" in behaviour else []
        if status != 200:
            return self.answer(status, {"message": behaviour.get("message", "as told")}, headers=headers)
        response = signal.response_type()
        if rejected or "message" in behaviour:
            setattr(response.partial_success, signal.rejected, rejected)
            response.partial_success.error_message = behaviour.get("message", "")
        if content_type == PROTOBUF:
            return self.answer(200, response.SerializeToString(), PROTOBUF)
        return self.answer(200, json_format.MessageToJson(response).encode(), JSON)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # Whoever hangs up in the middle of a request is no news.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    server = Server(("127.0.0.1", parser.parse_args().port), Handler)
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
