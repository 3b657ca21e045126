# Sconce. `make` alone says what there is.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

# Released binaries use Go's FIPS 140-3 module. FIPS=off builds without it.
FIPS     ?= v1.0.0
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BUILD    := CGO_ENABLED=0 GOFIPS140=$(FIPS) go build -trimpath -ldflags='-s -w -X main.version=$(VERSION)'
TOOL     := go tool -modfile=tools/go.mod
FUZZTIME ?= 30s
FUZZ     ?= .

APP_SOURCES := $(shell find app -path app/node_modules -prune -o -path app/dist -prune -o -type f -print)

.PHONY: guards help demo demo-reset build app test test-go test-app lint openapi interop proof proof-storage generate bench fuzz setup

help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: build ## start everything on this machine, with a virtual building of twelve lights
	@exec bin/sconce demo

demo-reset: ## forget the demo's building (removes ./demo-data)
	@rm -rf demo-data
	echo "The demo starts anew with the next make demo."

build: app ## build the programs into ./bin
	@scripts/need go
	mkdir -p bin
	$(BUILD) -o bin/ ./cmd/...

app: app/dist/index.html ## build the web app into ./app/dist

app/node_modules/.package-lock.json: app/package-lock.json
	@scripts/need node
	cd app && npm ci --no-audit --no-fund --loglevel=error

app/dist/index.html: app/node_modules/.package-lock.json $(APP_SOURCES)
	@cd app && npm run --silent build && touch dist/index.html

setup: ## install what the tests need (Debian, as root; elsewhere it says what is missing)
	@scripts/setup

test: setup test-app test-go ## run every test, with real peers

test-app: app/node_modules/.package-lock.json
	@cd app && npm test --silent

# An OpenID provider that is not ours, for the end-to-end test.
internal/e2e/provider/node_modules/.package-lock.json: internal/e2e/provider/package-lock.json
	@scripts/need node
	cd internal/e2e/provider && npm ci --no-audit --no-fund --loglevel=error

# A reader of Parquet files that is not ours, likewise.
internal/e2e/parquet/node_modules/.package-lock.json: internal/e2e/parquet/package-lock.json
	@scripts/need node
	cd internal/e2e/parquet && npm ci --no-audit --no-fund --loglevel=error

# Not from the cache: internal/e2e builds the programs, which go test does not see. The
# rules of the cloud are tested on both engines.
test-go: app internal/e2e/provider/node_modules/.package-lock.json internal/e2e/parquet/node_modules/.package-lock.json
	@go test -timeout 12m -count=1 ./...
	SCONCE_TEST_STORE=postgres go test -timeout 8m -count=1 ./cloud/access ./cloud/alert ./cloud/api ./cloud/energy ./cloud/homeassistant ./cloud/identity ./cloud/ingest ./cloud/invitation ./cloud/lighting \
		./cloud/export ./cloud/project ./cloud/registry ./cloud/telemetry

# Node comes as a package that fetches the program for this machine when it is built.
internal/interop/node_modules/.package-lock.json: internal/interop/package-lock.json
	@scripts/need node
	cd internal/interop
	timeout 8m npm ci --loglevel=error && timeout 4m npm rebuild node --ignore-scripts=false --loglevel=error && node_modules/.bin/node --version >/dev/null || {
		rm -f node_modules/.package-lock.json
		echo "Zigbee2MQTT and its Node.js could not be installed from npm; the lines above say why. make lint test need neither." >&2
		exit 1
	}

proof: ## hold a day of a building of 250 lights against Wireshark (DAY=24h; an hour of work)
	@scripts/need go
	go test -tags proof -count=1 -timeout 12h -v -run TestDay ./sim -args -day=$(or $(DAY),24h)

proof-storage: app setup ## kill, cut, stop and fill whatever holds what gateways said (an hour of work)
	@go test -count=1 -timeout 4h -v -run 'TestKill9|TestPostgresFails|TestPowerCut|TestDisk' ./internal/e2e -args -kills=$(or $(KILLS),1000) -outages=$(or $(OUTAGES),20) -cuts=$(or $(CUTS),300)

interop: app/node_modules/.package-lock.json ## hold our MQTT server beside mosquitto, and let Zigbee2MQTT run our virtual lights
	@scripts/setup interop
	go test -tags interop -count=1 -timeout 4m -v -run TestLikeMosquitto ./cloud/edge
	go test -tags interop -count=1 -timeout 2m -v -run TestLikeHomeAssistant ./cmd/sconce
	go test -tags interop -count=1 -timeout 8m -v ./internal/interop

guards: ## take each check of who may do what away in turn: a test has to fail (some 20 minutes)
	@scripts/need go
	go test -tags guards -count=1 -timeout 90m -v -run TestGuards ./internal/guards

lint: app/node_modules/.package-lock.json app openapi ## check format, house rules and known mistakes
	@scripts/need go
	$(TOOL) golangci-lint run --allow-parallel-runners ./...
	cd cloud/store && CGO_ENABLED=0 go tool -modfile=../../tools/go.mod sqlc diff
	cd ../../app && npm run --silent check

# A program of its own, which judges our description of the API.
tools/spectral/node_modules/.package-lock.json: tools/spectral/package-lock.json
	@scripts/need node
	cd tools/spectral && npm ci --no-audit --no-fund --loglevel=error

openapi: tools/spectral/node_modules/.package-lock.json ## hold the description of the API against Spectral
	@go run ./cmd/sconce ctl openapi >tools/spectral/node_modules/openapi.json
	cd tools/spectral && npx --no spectral lint --quiet --fail-severity=warn --ruleset spectral.yaml node_modules/openapi.json

generate: ## write the generated code anew (SQL)
	@cd cloud/store && CGO_ENABLED=0 go tool -modfile=../../tools/go.mod sqlc generate

bench: build ## measure, one JSON object a line
	@scripts/setup bench >&2
	exec bin/sconce bench

fuzz: ## fuzz the targets that FUZZ chooses (all) for FUZZTIME (30s, or a number of runs: 2000x)
	@scripts/need go
	scripts/fuzz for $(FUZZTIME) '$(FUZZ)'
