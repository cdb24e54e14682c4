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

PROGRAMS := lanyardd lanyard cloud-provider mic nmi demo acr-credential-provider
TOOLS    := helm golangci-lint controller-gen kwok

##@ General

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-zA-Z0-9_\/-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Build

.PHONY: build
build: ## Our own programs into build/bin
	@mkdir -p $(BUILD)/bin
	@for p in $(PROGRAMS); do test -x $(BUILD)/bin/$$p || { echo "building $(PROGRAMS): with empty caches 3 to 6 minutes on two cores"; break; }; done
	@$(GO_BUILD) -o $(BUILD)/bin/ $(PROGRAMS:%=./cmd/%)
	@for name in kubectl-lanyard kubelogin; do ln -sf lanyard $(BUILD)/bin/$$name; done

# The client part needs no Linux: what only a cloud of one's own needs stands in files
# for Linux alone.
CROSS := linux-arm64 darwin-arm64 darwin-amd64 windows-amd64

# What a cluster runs, for nodes of either processor.
CLUSTER := linux-amd64 linux-arm64

.PHONY: cross
cross: $(CROSS:%=cross/%) $(CLUSTER:%=cross-cluster/%) ## lanyard for other systems and processors, and mic and nmi for both of nodes', into build/cross
.PHONY: $(CLUSTER:%=cross-cluster/%)
$(CLUSTER:%=cross-cluster/%):
	@mkdir -p $(BUILD)/cross/$(@F)
	@GOOS=linux GOARCH=$(word 2,$(subst -, ,$(@F))) $(GO_BUILD) -o $(BUILD)/cross/$(@F)/ ./cmd/mic ./cmd/nmi
.PHONY: $(CROSS:%=cross/%)
$(CROSS:%=cross/%):
	@GOOS=$(word 1,$(subst -, ,$(@F))) GOARCH=$(word 2,$(subst -, ,$(@F))) $(GO_BUILD) \
		-o $(BUILD)/cross/$(@F)/ ./cmd/lanyard

.PHONY: images
images: $(CLUSTER:%=cross-cluster/%) ## mic's and nmi's images for nodes of either processor, as OCI image layouts in build/images (IMAGE_REPOSITORY: their names' beginning)
	@GOFLAGS= $(GO) run -trimpath -buildvcs=false ./charts/publish images $(BUILD)/images $(BUILD)/cross $(or $(IMAGE_REPOSITORY),localhost/lanyard)

.PHONY: chart
chart: ## The Helm chart as a repository in build/charts (CHART_URL: where it will be served)
	@GOFLAGS= $(GO) run -trimpath -buildvcs=false ./charts/publish repository $(BUILD)/charts $(CHART_URL)
	@echo "helm repo add lanyard $(or $(CHART_URL),URL) takes what is in $(BUILD)/charts"

.PHONY: kube
kube: ## Kubernetes, etcd, containerd, runc, CNI plugins into build/kube (first time: minutes)
	@cd tools && $(GO) run ./cmd/build kube

# A whole folder of programs, as lanyardd --other-kube-dir wants it: what isn't
# Kubernetes is the same.
.PHONY: kube-previous
kube-previous: kube ## The release of Kubernetes before into build/kube-previous, to upgrade clusters from (first time: minutes)
	@cd tools && $(GO) run ./cmd/build kube-previous
	@mkdir -p $(BUILD)/kube-previous/cni
	@for p in containerd containerd-shim-runc-v2 ctr runc pause coredns cni/ptp cni/bridge cni/host-local cni/loopback cni/portmap; do ln -f $(BUILD)/kube/$$p $(BUILD)/kube-previous/$$p; done

.PHONY: tools
tools: ## All tools below into build/tools
	@cd tools && $(GO) run ./cmd/build tools

# The same inputs make an existing tool a matter of milliseconds.
.PHONY: $(TOOLS:%=tools/%)
tools/helm: ## Helm, from its Go module
tools/controller-gen: ## controller-gen, which writes CRDs and deep copies
tools/golangci-lint: ## golangci-lint
tools/kwok: ## KWOK, which simulates the nodes of the benchmark of mic
$(TOOLS:%=tools/%):
	@cd tools && $(GO) run ./cmd/build $(@F)

.PHONY: clean
clean: ## Remove build/ (Go's own caches stay)
	@test ! -e $(BUILD)/demo/env || { echo "a demo is up: make demo-down first" >&2; exit 1; }
	@rm -rf --one-file-system $(BUILD)

##@ Run

.PHONY: demo
demo: programs ## The main job, narrated; KEEP=1 leaves it running
	@$(BUILD)/bin/lanyard demo $(if $(KEEP),--keep)

.PHONY: demo-down
demo-down: ## End what `make demo KEEP=1` left running
	@$(BUILD)/bin/lanyard down

.PHONY: programs
programs: kube tools/helm build

##@ Check

.PHONY: test
test: machine kube tools/helm tools/controller-gen ## All unit and integration tests (root: they make namespaces)
	@$(GO_TEST) ./...
	@cd tools && $(GO_TEST) ./...
	@cd kube && $(GO_TEST) ./multicall

# The flags of the builds, so that tests find their packages compiled.
GO_TEST := GOFLAGS= $(GO) test -trimpath -buildvcs=false -timeout 15m

.PHONY: lint
lint: tools/golangci-lint ## golangci-lint with the list of .golangci.yml
	@GOFLAGS= $(BUILD)/tools/golangci-lint run ./...

.PHONY: generate
generate: tools/controller-gen ## Write what is generated: deep copies, CRDs, RBAC, the page of compatibility, deploy/
	@$(BUILD)/tools/controller-gen object crd rbac:roleName=mic paths='./api/v1;./internal/cluster' \
		output:crd:artifacts:config=config/crd output:rbac:artifacts:config=config/rbac
	@# An assigned identity repeats its identity and binding as they were; rules there would only keep it from being changed or released.
	@f=config/crd/aadpodidentity.k8s.io_azureassignedidentities.yaml; awk '{ match($$0, /^ */); indent = RLENGTH } \
		skip && (indent > at || (indent == at && /^ *- /)) { next } { skip = 0 } \
		/^ *x-kubernetes-validations:$$/ { skip = 1; at = indent; next } { print }' $$f > $$f.new && mv $$f.new $$f
	@cp config/crd/*.yaml charts/lanyard/crds/
	@GOFLAGS= $(GO) run -trimpath -buildvcs=false ./charts/publish manifests deploy
	@GOFLAGS= $(GO) run -trimpath -buildvcs=false ./test/ledger page

.PHONY: verify
verify: generate ## Generated code is what is committed
	@git diff --exit-code -- api config charts deploy docs/compatibility.md || { echo "generated files differ: run make generate and commit them" >&2; exit 1; }
	@test -z "$$(git status --porcelain -- api config charts deploy docs/compatibility.md)" || { git status --short -- api config charts deploy docs/compatibility.md; exit 1; }

.PHONY: conformance
conformance: build ## Azure's own SDKs and MSAL against a lanyardd, and whether the ledger of compatibility still holds
	@cd conformance && $(GO_TEST) -count=1 ./...
	@GOFLAGS= $(GO) run -trimpath -buildvcs=false ./test/ledger compare conformance

.PHONY: ledger
ledger: ## What the last runs of conformance and e2e have shown, into docs/compatibility
	@GOFLAGS= $(GO) run -trimpath -buildvcs=false ./test/ledger collect
	@GOFLAGS= $(GO) run -trimpath -buildvcs=false ./test/ledger page

.PHONY: e2e-short
e2e-short: programs ## The main job with lanyardd killed while it creates the cluster
	@$(BUILD)/bin/lanyard demo --dir $(BUILD)/e2e --listen 127.0.0.1:8444 --kill-during-create

# The archived programs that mic and nmi take the place of, from their Go module.
.PHONY: aad-pod-identity
aad-pod-identity:
	@cd tools && $(GO) run ./cmd/build aad-pod-identity

# external-dns, as its project publishes it, for TestDataPlanes: the better part of an hour where nothing of it is cached.
.PHONY: external-dns
external-dns:
	@mkdir -p $(BUILD)
	@cd test/e2e/externaldns && $(GO_BUILD) -o $(CURDIR)/$(BUILD)/external-dns sigs.k8s.io/external-dns

.PHONY: e2e
e2e: programs $(if $(RUN),,kube-previous) aad-pod-identity $(if $(RUN),$(if $(findstring DataPlanes,$(RUN)),external-dns),external-dns) ## The end-to-end tests on real clusters, and the demo with a crash and twice over one folder; RUN=regex: those tests only
	@$(GO_TEST) -tags e2e -count=1 -p 1 -timeout 60m $(if $(RUN),-v -run '$(value RUN)') ./test/e2e/...
	@$(GO_TEST) -tags e2e -count=1 -run '$(or $(value RUN),LibrariesOf)' ./internal/node/lab
ifndef RUN
	@$(MAKE) e2e-short
	@for run in 1 2; do $(BUILD)/bin/lanyard demo --dir $(BUILD)/e2e --listen 127.0.0.1:8444; done
endif

CHURNED ?= 1000
.PHONY: lab
lab: machine ## The node agent's network laboratory at length: a thousand churned pods, an agent with the race detector (needs gcc)
	@$(GO_TEST) -count=1 -v -timeout 60m -run 'Churn|UnderLoad' ./internal/node/lab -churned=$(CHURNED) -racing

SOAK ?= 60
.PHONY: soak
soak: programs ## For SOAK minutes: mic against its model while everything fails, then the main job again and again
	@$(GO_TEST) -count=1 -v -run '^TestChaos$$' -timeout $$(( $(SOAK) * 30 + 300 ))s ./internal/cluster -chaos=$$(( $(SOAK) * 30 ))s
	@end=$$(( SECONDS + $(SOAK) * 30 )); while (( SECONDS < end )); do $(BUILD)/bin/lanyard demo --dir $(BUILD)/e2e --listen 127.0.0.1:8444; done

.PHONY: bench
bench: programs tools/kwok ## The benchmark table, and build/bench.json; PEER_NMI=/path/of/nmi: the same load on another agent, beside
	@CGO_ENABLED=0 GOFLAGS= $(GO) run -trimpath -buildvcs=false ./test/bench -out $(BUILD)/bench.json

# What tests and nodes need from the operating system.
.PHONY: machine
machine:
	@test "$$(id -u)" = 0 || { echo "the tests make network namespaces and containers, which needs root: run make with sudo" >&2; exit 1; }
	@command -v nft >/dev/null && command -v ip >/dev/null || { echo "installing nftables and iproute2 with apt-get"; apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nftables iproute2; } >&2
