# Windsock's tasks. `make` alone lists them.
# ARGS goes on to the program that a task runs: make run ARGS='--mqtt-url mqtt://broker:1883'

.DEFAULT_GOAL := help
.PHONY: help setup run install uninstall test soak sanitize fuzz lint format bench clean

PREFIX ?= /usr/local
RELEASE := .build/release/windsock
BINARY ?= $(RELEASE)
SHARE = $(DESTDIR)$(PREFIX)/share/windsock

SWIFT_SOURCES := Package.swift Sources Tests Benchmarks
PYTHON_SCRIPTS := Benchmarks/history scripts/code-figures $(wildcard scripts/*.py Tests/OTLPTests/Receiver/*.py Tests/Soak/*.py Tests/Contract/*.py)
SHELL_SCRIPTS := $(shell grep -lE '^\#!.*\b(bash|sh)$$' scripts/* .ci/* Benchmarks/* 2>/dev/null)

help: ## List the tasks
	@echo 'Windsock: MQTT readings on live dashboards. Tasks:'
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
	@echo "Arguments go in ARGS: make run ARGS='--mqtt-url mqtt://broker:1883'"

setup: ## Install with apt whatever running, testing and linting need
	@scripts/setup test

run: ## Build a release and start the demo: broker, gateway, devices and a dashboard
	@scripts/setup run
	@scripts/build-release
	@exec .build/release/windsock demo $(ARGS)

# Rebuilt only when a source is newer, so that root need not build what a user has built.
$(RELEASE): Package.swift $(shell find Sources -type f)
	@scripts/setup run
	@scripts/build-release
	@touch $@

install: $(BINARY) ## Install windsock and its files below PREFIX=/usr/local, or into DESTDIR
	install -D -m 755 $(BINARY) "$(DESTDIR)$(PREFIX)/bin/windsock"
	find dashboards devices alerts -type f -exec install -D -m 644 {} "$(SHARE)/{}" \;

uninstall: ## Remove what install has installed
	rm -f "$(DESTDIR)$(PREFIX)/bin/windsock"
	rm -rf "$(SHARE)"

test: ## Run every test, with a real broker and a real browser
	@scripts/setup test
	@exec scripts/test $(ARGS)

soak: ## Attack a release build for ten minutes beside honest clients, and judge
	@scripts/setup test
	@scripts/build-release
	@exec python3 Tests/Soak --binary .build/release/windsock $(ARGS)

sanitize: ## Run the parallel tests under AddressSanitizer and ThreadSanitizer
	@scripts/setup test
	@exec scripts/sanitize $(ARGS)

fuzz: ## Feed what reads from strangers with made-up input, a minute each
	@scripts/setup run
	@exec scripts/fuzz $(ARGS)

lint: ## Check format, import layers, page types, scripts, and what sources and tests must not contain
	@scripts/setup lint
	swift format lint --strict --recursive $(SWIFT_SOURCES)
	scripts/check-imports.py --self-test
	scripts/check-imports.py
	scripts/check-forbidden
	tsc --project dashboards/web
	shellcheck $(SHELL_SCRIPTS)
	PYTHONPYCACHEPREFIX=.build/pycache python3 -m py_compile $(PYTHON_SCRIPTS)

format: ## Format the sources
	swift format --in-place --recursive $(SWIFT_SOURCES)

bench: ## Measure speed and memory
	@scripts/setup run
	@exec Benchmarks/run $(ARGS)

clean: ## Remove what was built
	swift package clean
	rm -rf .build/pycache .build/test-logs .build-address .build-thread .build-fuzz
