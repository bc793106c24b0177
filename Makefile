# Every target says what it does after ##; `make` alone lists them.
SHELL := /bin/bash
GO ?= go
TOOL := $(GO) tool -modfile=tools.mod
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 60s
# Addresses for the demo: make run ARGS="--addr 127.0.0.1:5001 --profile flask"
ARGS ?=

# Folders with a go.mod of their own, so that whoever imports Sandi does not inherit what they need.
MODULES := bench examples internal/interop

.DEFAULT_GOAL := help
.PHONY: help run build test check fmt fuzz drill bench install-test-tools

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/sandi
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/sandi ./cmd/sandi

run: build ## start the demo on http://127.0.0.1:5000 (ARGS="--dir ./demo" keeps its data)
	./bin/sandi demo $(ARGS)

install-test-tools: ## install what the tests need where it is missing
	@scripts/install-test-tools

test: install-test-tools ## run every test, with the race detector
	scripts/test

check: ## format, vet, staticcheck, architecture, generated files, go.mod
	@out=$$($(TOOL) gofumpt -l . ); if [ -n "$$out" ]; then echo "gofumpt: run 'make fmt' for:"; echo "$$out"; exit 1; fi
	$(GO) mod tidy -diff
	$(GO) vet ./... && $(GO) vet -tags drill ./internal/drill ./internal/server ./internal/store
	$(TOOL) staticcheck ./... && $(TOOL) staticcheck -tags drill ./internal/drill ./internal/server ./internal/store
	@for module in $(MODULES); do echo "check $$module"; (cd $$module && $(GO) mod tidy -diff && $(GO) vet ./... && \
		$(GO) tool -modfile=$(CURDIR)/tools.mod staticcheck ./...) || exit 1; done
	$(GO) test -count=1 ./internal/arch
	$(GO) test -count=1 -run 'TestConfigurationDoc|TestCLIDoc' ./internal/config ./cmd/sandi

fmt: ## format every Go file
	$(TOOL) gofumpt -w .

fuzz: ## run every fuzz target for FUZZTIME (60s)
	scripts/fuzz $(FUZZTIME)

drill: ## long drills: kills, crashes, frozen nodes, outages, a full disk, loss of power, sizes (about an hour)
	$(GO) test -count=1 -p 1 -tags drill -run Drill -v -timeout 90m ./internal/drill ./internal/server ./internal/store

bench: ## benchmarks as ratios in one run (ARGS="-write" puts them into bench/README.md)
	scripts/bench $(ARGS)
