# Lamplight. `make run` starts the demo, `make test` runs the tests; both work on
# a fresh machine with Go, a C compiler and Node. `make help` lists the rest.

GO       ?= go
BIN      := bin/lamplight
LINTER   := bin/golangci-lint
LINT_VER := v2.15.0
UI       := web/ui
UI_SRC   := $(shell find $(UI) -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -name schema.d.ts 2>/dev/null) web/api/openapi.json
DATA     ?= data/demo

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

.PHONY: run
run: build ## build and start the demo on this machine's loopback
	$(BIN) serve --config configs/demo.yaml --data $(DATA)

.PHONY: build
build: $(UI)/dist/index.html ## build bin/lamplight with its pages
	$(GO) build -o $(BIN) ./cmd/lamplight

.PHONY: ui
ui: $(UI)/dist/index.html ## build the pages

$(UI)/node_modules: $(UI)/package-lock.json
	cd $(UI) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(UI)/dist/index.html: $(UI)/node_modules $(UI_SRC)
	cd $(UI) && npm run --silent build
	@touch $(UI)/dist/.gitkeep $@

.PHONY: test
test: $(UI)/dist/index.html ## unit tests of Go (with the race detector) and of the pages
	$(GO) vet ./...
	testbench/again -race -short ./...
	cd $(UI) && npm test --silent

.PHONY: lint
lint: $(LINTER) ## the linter
	$(LINTER) run --build-tags testbench ./...

$(LINTER):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VER)

.PHONY: testbench
testbench: build ## real programs: SIPp, baresip, Twinkle, Linphone, Chromium, Firefox, Kamailio, coturn; crashes and rubbish
	testbench/install
	testbench/again -tags=testbench -count=1 -p=1 -timeout=30m ./testbench/...

.PHONY: fuzz
fuzz: ## fuzz every reader of what strangers send
	testbench/fuzz

.PHONY: bench
bench: ## every benchmark, figures as in testbench/RESULTS.md
	testbench/bench

.PHONY: load-sipp
load-sipp: build ## load by SIPp: rates, failures, percentiles
	testbench/install sipp
	testbench/load-sipp

.PHONY: clean
clean: ## remove what was built (not the demo's data)
	rm -rf bin $(UI)/node_modules
	find $(UI)/dist -mindepth 1 -not -name .gitkeep -delete
