# The commands of a developer's day. `make` alone lists them. Anything longer than a line lives in infra/setup.

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help run test lint console screenshots invoke bench-live bench-ingest bench-clients endurance bench-calculate prove prove-bugs fuzz bench-proposals bench-build rebuilds event build build-all build-bench fetch fetch-test tools
# Cargo uses all cores by itself, and its lock makes two calls wait for each other.
.NOTPARALLEL:

# One build folder for every checkout: a second clone compiles only what differs.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/analytics-engine/target
# The workspace's own crates are compiled by clippy's compiler wherever it is installed, which is rustc with the lints: what `make run` has
# compiled, `make test` takes as it is, and nothing is checked apart from being compiled.
export RUSTC_WORKSPACE_WRAPPER ?= $(shell command -v clippy-driver)

local_cloud := $(CARGO_TARGET_DIR)/debug/local-cloud
# What is measured is optimised as what is deployed is.
measured := infra/setup/with-environment env FUNCTIONS_DIR="$(CARGO_TARGET_DIR)/release"
bench := $(measured) infra/setup/with-test-database cargo bench -p tests --bench
# Left unquoted where it is used: it holds any number of arguments.
ARGS ?=
MINUTES ?= 10
SECONDS ?= 60

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: build ## Start the local cloud with real facts, Ctrl-C ends it (ARGS="--only read-series" leaves one function to a debugger)
	@exec infra/setup/with-environment "$(local_cloud)" run --build-rest "infra/setup/build rest" --build-console infra/console/build $(ARGS)

test: fetch-test lint ## Check everything and run every test (TEST_DATABASE_URLS="postgres://..." names the servers to test against)
	@exec infra/setup/with-environment --tests infra/setup/with-test-database infra/setup/run-tests

lint: ## Check formatting, lints and dependencies, which builds everything (ARGS=--advisories adds known vulnerabilities)
	@infra/setup/require-tools --lint
	cargo fmt --all --check
	@infra/setup/build tests
	@infra/setup/check-dependencies $(ARGS)

console: ## Serve the console's sources beside the running cloud, changes at once
	@infra/console/build packages
	@cd console && exec npx --no-install vite

screenshots: ## Take every page of the running cloud's console, in light and dark at three widths, into console/screenshots
	@infra/console/build packages
	@CHROMIUM=$$(infra/browser/fetch-chromium) STATE_DIR="$${STATE_DIR:-.local}" node console/scripts/screenshots.mjs console/screenshots

invoke: event build ## Send one event to one function: make invoke F=read-series E=events/ask/read-series.value.json
	@exec infra/setup/with-environment "$(local_cloud)" invoke "$(F)" "$(E)" $(ARGS)

bench-live: build-bench ## Measure what dashboards wait for (ARGS="crowd takeover" runs these scenarios alone)
	@exec $(bench) live -- $(ARGS)

bench-ingest: build-bench ## Measure events per second against a bare COPY
	@exec $(bench) ingest

bench-clients: build-bench ## Measure what clients notice of each other (ARGS="--beside 149acd2" floods another commit too, in the same run)
	@exec $(measured) infra/setup/with-test-database infra/setup/bench-clients $(ARGS)

endurance: build-bench ## Flood, kill and restart everything, then account for every event and number: make endurance MINUTES=10 ARGS="--seed 7"
	@exec $(measured) cargo bench -p tests --bench endurance -- --minutes $(MINUTES) $(ARGS)

prove: fetch ## Ask 10,000 random questions by every route, and an oracle: make prove ARGS="--seed 7 --questions 400"
	@exec infra/setup/with-environment infra/setup/with-test-database cargo bench --profile dev -p tests --bench prove -- $(ARGS)

prove-bugs: fetch ## Have the prover catch 56 bugs that are put into copies of the sources (ARGS="first-is-last" takes this one alone; about two hours)
	@exec infra/setup/with-environment infra/setup/with-test-database infra/setup/prove-bugs $(ARGS)

fuzz: ## Fuzz the parser, the checker and the printer of formulas: make fuzz SECONDS=600 (needs a nightly compiler and cargo-fuzz)
	@infra/setup/fuzz $(SECONDS) $(ARGS)

bench-calculate: build-bench fetch-test ## Measure KPIs of all kinds against DuckDB and PostgreSQL over the same facts, and days of other zones against UTC's (ARGS="kpis" leaves out the latter)
	@exec infra/setup/with-environment --tests env FUNCTIONS_DIR="$(CARGO_TARGET_DIR)/release" infra/setup/with-test-database cargo bench -p tests --bench calculate -- $(ARGS)

bench-proposals: build-bench ## Measure quotes, computed and over HTTP, and documents (WEASYPRINT_PYTHON=... compares them with WeasyPrint's)
	@$(bench) proposals
	@cargo bench -p render-proposals --profile render --bench documents

bench-build: ## Measure the first run, tests and the daily loop, cold, at commits (ARGS="149acd2 HEAD" compares two; about an hour each)
	@infra/setup/measure-builds $(ARGS)

rebuilds: ## Print the functions that a changed crate rebuilds: make rebuilds CRATE=document
	@infra/setup/rebuilds $(CRATE)

event:
	@[[ -n "$(F)" && -n "$(E)" ]] || { echo "error: name a function and an event: make invoke F=read-series E=events/ask/read-series.value.json" >&2; exit 1; }

build: fetch
	@infra/setup/build first

build-all: build
	@infra/setup/build rest

build-bench: fetch
	@infra/setup/build bench

# Before the build: a missing network is told after seconds, not after minutes.
fetch: tools
	@infra/setup/with-environment true

fetch-test: tools
	@infra/setup/with-environment --tests true

tools:
	@infra/setup/require-tools
