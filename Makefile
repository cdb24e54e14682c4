# Lanyard: `make` lists what can be made. Everything lands in build/.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

GO    ?= go
BUILD := build

# One set of flags for every build of ours, so that the Go build cache is shared
# between them. The version is what Go itself records of the commit
# (runtime/debug.ReadBuildInfo); a source archive has none.
VCS      := $(if $(shell git rev-parse --verify -q HEAD 2>/dev/null),auto,false)
GO_BUILD := CGO_ENABLED=0 GOFLAGS= $(GO) build -trimpath -buildvcs=$(VCS) -ldflags '-s -w'

PROGRAMS := lanyardd lanyard mic nmi demo
TOOLS    := helm golangci-lint controller-gen

##@ General

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-zA-Z0-9_\/-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Build

.PHONY: build
build: ## Our own programs into build/bin: lanyardd, lanyard, mic, nmi, demo
	@mkdir -p $(BUILD)/bin
	@$(GO_BUILD) -o $(BUILD)/bin/ $(PROGRAMS:%=./cmd/%)

.PHONY: kube
kube: ## Kubernetes, etcd, containerd, runc, CNI plugins into build/kube (first time: minutes)
	@cd tools && $(GO) run ./cmd/build kube

.PHONY: tools
tools: ## All tools below into build/tools
	@cd tools && $(GO) run ./cmd/build tools

# The same inputs make an existing tool a matter of milliseconds.
.PHONY: $(TOOLS:%=tools/%)
tools/helm: ## Helm, from its Go module
tools/controller-gen: ## controller-gen, which writes CRDs and deep copies
tools/golangci-lint: ## golangci-lint
$(TOOLS:%=tools/%):
	@cd tools && $(GO) run ./cmd/build $(@F)

.PHONY: clean
clean: ## Remove build/ (Go's own caches stay)
	@test ! -e $(BUILD)/demo/env || { echo "a demo is up: make demo-down first" >&2; exit 1; }
	@rm -rf --one-file-system $(BUILD)
