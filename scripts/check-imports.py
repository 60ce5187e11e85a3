#!/usr/bin/env python3
"""Checks that every target imports only what its layer allows. SwiftPM does not: it lets a file import any module
that happens to be built.

    scripts/check-imports.py              check Sources/
    scripts/check-imports.py --self-test  check this script
"""

import fnmatch
import re
import sys
import tempfile
from pathlib import Path

# Target: modules it may import, beside those below. The layers are drawn in docs/architecture.md; whoever changes one
# of the two changes the other. Patterns are those of a shell.
LAYERS = {
    # Level 0: values and system libraries
    "CCurl": [],
    "CMalloc": [],
    "CMosquitto": [],
    "COpenSSL": [],
    "CZlib": [],
    "Core": [],
    # Level 1: one concern each
    "YAML": ["Yams"],
    "ChildProcesses": [],
    "Telemetry": [],
    "MQTTTransport": ["Telemetry", "CMosquitto", "DequeModule"],
    "Realtime": ["Telemetry", "NIOCore", "DequeModule", "HeapModule"],
    "Storage": ["Telemetry", "GRDB", "GRDBSQLite"],
    "AlertRules": ["Telemetry"],
    "Observability": ["Telemetry"],
    "HTTPRequests": ["CCurl"],
    "OTLP": ["Telemetry", "Observability", "HTTPRequests", "OpenSSL", "SwiftProtobuf", "CZlib"],
    "OpenSSL": ["COpenSSL", "NIOCore"],
    "WebSocketClient": ["NIOCore", "NIOHTTP1", "NIOPosix", "NIOWebSocket", "OpenSSL"],
    "Webhooks": ["HTTPRequests", "OpenSSL"],
    # Level 2: the use cases
    "Services": [
        "Telemetry", "MQTTTransport", "Realtime", "Storage", "AlertRules", "OTLP", "Webhooks",
        "NIOCore", "DequeModule", "OpenSSL",
    ],
    # Level 3: the edge
    "WebServer": [
        "Telemetry", "Realtime", "Storage", "HTTPRequests", "OTLP", "Services", "Hummingbird*", "NIO*", "HTTPTypes",
        "OpenSSL", "DequeModule", "ServiceLifecycle",
    ],
    # Level 4: devices
    "DeviceSimulator": ["Telemetry", "YAML", "MQTTTransport", "OTLP", "ServiceLifecycle"],
    # Level 5: the composition root knows everything
    "Gateway": ["*"],
    # Level 6: the command line
    "windsock": [
        "CMalloc", "ChildProcesses", "Telemetry", "Gateway", "DeviceSimulator", "WebSocketClient", "MQTTTransport",
        "WebServer", "OTLP", "Observability", "Storage", "ArgumentParser", "ServiceLifecycle", "UnixSignals",
    ],
    # Level 6, too: a tool for conformance suites, which no other target needs
    "windsock-echo": ["Realtime", "WebServer", "NIO*", "ArgumentParser", "ServiceLifecycle", "UnixSignals"],
}

# Allowed in every target: the language's own and the system's.
EVERYWHERE = ["Swift", "Dispatch", "Synchronization", "Glibc", "Musl", "Darwin"]
# Allowed in every target above level 0.
ABOVE_LEVEL_0 = ["Core", "Foundation", "FoundationEssentials", "Logging", "Metrics", "CoreMetrics", "Tracing"]
# Targets whose list is complete: nothing of the two lists above.
# (Core has the trace context, and with it the key under which the Tracing API carries it.)
EXACTLY = {
    "Core": ["Synchronization", "Glibc", "Musl", "Darwin", "Foundation", "Logging", "CoreMetrics", "Tracing"],
    "Telemetry": ["Core", "Glibc", "Musl", "Darwin"],
    "CCurl": [], "CMalloc": [], "CMosquitto": [], "COpenSSL": [], "CZlib": [],
}
# C libraries stay inside the target that wraps them.
NEVER_EXPORTED = ["CCurl", "CMalloc", "CMosquitto", "COpenSSL", "CZlib"]

IMPORT = re.compile(
    r"""^\s*(?:@\w+(?:\([^)]*\))?\s+)*                                   # @testable, @preconcurrency, @_spi(X)
        (?:(?P<access>public|package|internal|fileprivate|private)\s+)?
        import\s+(?:(?:struct|class|enum|protocol|typealias|func|let|var|actor)\s+)?
        (?P<module>\w+)""",
    re.VERBOSE,
)


def imports(source):
    """Yields (line number, access or None, module) for every import in a Swift source."""
    source = re.sub(r'/\*.*?\*/|"""(?:\\.|.)*?"""', lambda match: "\n" * match[0].count("\n"), source, flags=re.DOTALL)
    for number, line in enumerate(source.splitlines(), 1):
        for statement in line.split("//")[0].split(";"):
            match = IMPORT.match(statement)
            if match:
                yield number, match["access"], match["module"]


def allowed(target):
    """The patterns of modules that `target` may import."""
    if target in EXACTLY:
        return EXACTLY[target]
    return LAYERS[target] + EVERYWHERE + ABOVE_LEVEL_0


def problems(sources):
    """Yields a line for every import under the folder `sources` that its layer does not allow."""
    for folder in sorted(path for path in sources.iterdir() if path.is_dir()):
        target = folder.name
        if target not in LAYERS:
            yield f"{folder}: the target has no row in LAYERS of scripts/check-imports.py"
            continue
        patterns = allowed(target)
        for file in sorted(folder.rglob("*.swift")):
            for number, access, module in imports(file.read_text(encoding="utf-8")):
                if not any(fnmatch.fnmatchcase(module, pattern) for pattern in patterns):
                    names = ", ".join(sorted(patterns)) or "nothing"
                    yield f"{file}:{number}: {target} may not import {module}; it may import {names}"
                elif module in NEVER_EXPORTED and access in ("public", "package"):
                    yield f"{file}:{number}: {module} may only be imported as internal"


def self_test():
    """Checks the parser and the rules on sources of known content; raises AssertionError when they fail."""
    text = '\n'.join([
        "import A", "@testable import B", "package import C", "@preconcurrency public import struct D.E",
        "// import No", "/* import No", "import No */ import F", 'let text = """', "import No", '"""',
        "import G; import H // import No", "#if canImport(I)", "    internal import I", "#endif",
        "@_spi(X) import J", "let importNo = 1", "importNo()",
    ])
    found = list(imports(text))
    assert [module for _, _, module in found] == list("ABCDFGHIJ"), found
    assert found[2] == (3, "package", "C") and found[4][0] == 7 and found[8][0] == 15, found

    cases = [
        ("Telemetry", "import Glibc", True), ("Telemetry", "import Foundation", False),
        ("Telemetry", "import Logging", False), ("Realtime", "import Foundation", True),
        ("Realtime", "import NIOCore", True), ("Realtime", "import NIOPosix", False),
        ("Realtime", "import Services", False), ("MQTTTransport", "internal import CMosquitto", True),
        ("MQTTTransport", "package import CMosquitto", False), ("Services", "import CMosquitto", False),
        ("WebServer", "import HummingbirdCore", True), ("WebServer", "import MQTTTransport", False),
        ("Gateway", "import Yams", True), ("DeviceSimulator", "import Yams", False),
        ("windsock", "import Hummingbird", False), ("Unknown", "", False),
        ("Observability", "package import CoreMetrics\nimport Synchronization", True),
    ]
    for target, source, is_allowed in cases:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / target / "Nested" / "File.swift"
            file.parent.mkdir(parents=True)
            file.write_text(source, encoding="utf-8")
            found = list(problems(Path(folder)))
            assert (not found) == is_allowed, (target, source, found)


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(__file__).resolve().parent.parent
    found = [line.replace(f"{root}/", "") for line in problems(root / "Sources")]
    for line in found:
        print(line)
    if found:
        print(f"check-imports: {len(found)} imports break the layers of docs/architecture.md", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
