# `make run` and `make test` do all their set-up themselves; `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

MODEL ?= smollm2-135m-instruct
HOST ?= 127.0.0.1
PORT ?= 8000
ARGS ?=

SWIFT_BUILD_FLAGS ?=
SWIFT_FOLDERS = $(wildcard Package.swift Sources Kernels Tests Examples Benchmarks)
RELEASE = .build/release/swiftlet

.PHONY: help run test bench interchange kernels-toolchain flashinfer gpu-kernels gpu-check format lint layering test-scripts model build-tests unit-tests isa end-to-end clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build, fetch the model if it is absent, serve it (MODEL=, HOST=, PORT=, ARGS=)
	@Scripts/check-prerequisites.sh swift python
	@if [[ "$(MODEL)" = smollm2-135m-instruct ]]; then echo "run: looking for $(MODEL)"; \
	  python3 Scripts/fetch_model.py "$(MODEL)"; fi
	@echo "run: building swiftlet (release; the first time takes some minutes)"
	@swift build -c release --product swiftlet $(SWIFT_BUILD_FLAGS)
	@echo "run: serving $(MODEL) on http://$(HOST):$(PORT)"
	@exec $(RELEASE) serve --model "$(MODEL)" --host "$(HOST)" --port "$(PORT)" $(ARGS)

test: ## everything that CI checks
test: prerequisites lint layering test-scripts model gpu-tools build-tests isa unit-tests end-to-end gpu-kernels
	@echo "test: all passed"

.PHONY: prerequisites
prerequisites:
	@Scripts/check-prerequisites.sh swift python

lint: ## check the format of the Swift sources
	@echo "test: format of $(SWIFT_FOLDERS)"
	@swift format lint --strict --parallel --recursive $(SWIFT_FOLDERS)

layering: ## check which modules each target imports
	@echo "test: layering and imports"
	@python3 Scripts/check_layering.py

test-scripts: ## test the scripts themselves
	@echo "test: scripts"
	@python3 -m unittest discover --start-directory Tests/Scripts

# Tests that need the model say so and skip when it is absent; SWIFTLET_REQUIRE_MODEL=1 makes its absence an error.
model: ## fetch the default model if it is absent
	@echo "test: default model"
	@status=0; python3 Scripts/fetch_model.py || status=$$?; \
	if [[ $$status -eq 3 && -z "$${SWIFTLET_REQUIRE_MODEL:-}" ]]; then \
	  echo "test: SKIPPED: all that needs the default model, for the reason above"; \
	elif [[ $$status -ne 0 ]]; then exit $$status; fi

build-tests: ## build everything for debugging, tests included
	@echo "test: building (the first time takes some minutes)"
	@swift build --build-tests $(SWIFT_BUILD_FLAGS)

# Servers under test answer within seconds; tests that compute or wait for processes would take their threads. The suite
# that compares all ways of cutting the work computes for a minute, and has the machine for itself.
unit-tests: build-tests ## run the Swift tests
	@echo "test: Swift tests"
	@swift test --skip-build --disable-xctest --quiet --skip '^ServingTests\.' --skip InvarianceSuite \
	  $(SWIFT_BUILD_FLAGS)
	@swift test --skip-build --disable-xctest --quiet --filter InvarianceSuite $(SWIFT_BUILD_FLAGS)
	@swift test --skip-build --disable-xctest --quiet --filter '^ServingTests\.' $(SWIFT_BUILD_FLAGS)

isa: build-tests ## check that code for one instruction set stays in its module
	@echo "test: instruction sets"
	@Scripts/check-isa.sh

end-to-end: build-tests ## start the server and talk to it
	@echo "test: command line"
	@Tests/EndToEnd/command_line.sh .build/debug/swiftlet
	@echo "test: tools"
	@Tests/EndToEnd/tools.sh .build/debug/swiftlet
	@echo "test: end to end"
	@Tests/EndToEnd/run.sh .build/debug/swiftlet
	@echo "test: kernels"
	@Tests/EndToEnd/kernels.sh .build/debug/swiftlet
	@echo "test: examples"
	@Tests/EndToEnd/examples.sh .build/debug/swiftlet

interchange: ## prove trace sets and kernels against the Python package flashinfer-bench
	@Tests/Interchange/run.sh Tests/Fixtures/interchange/set $(RELEASE)

bench: ## measure decode, prefill and what sharing gains on this machine (ARGS= for one: model, sharing, kernels)
	@Scripts/check-prerequisites.sh swift python
	@echo "bench: looking for the default model"
	@python3 Scripts/fetch_model.py
	@echo "bench: building swiftlet (release; the first time takes some minutes)"
	@swift build -c release --product swiftlet $(SWIFT_BUILD_FLAGS)
	@$(RELEASE) bench $(ARGS)
	@if [[ -z "$(ARGS)" ]]; then $(RELEASE) bench sharing; fi

kernels-toolchain: ## install the compilers of kernels for GPUs into .venv-kernels (1.5 GB; once)
	@Scripts/kernels-toolchain.sh .venv-kernels

flashinfer: ## build FlashInfer's kernels from its wheel (62 MB; minutes, once)
	@Scripts/build_flashinfer.py --toolchain .venv-kernels

# Compilers that cannot be fetched are a reason to skip, said once here and again by each check.
.PHONY: gpu-tools
gpu-tools:
	@echo "test: compilers of kernels for GPUs"
	@status=0; Scripts/kernels-toolchain.sh .venv-kernels || status=$$?; \
	if [[ $$status -eq 0 ]]; then Scripts/build_flashinfer.py --toolchain .venv-kernels || status=$$?; fi; \
	if [[ $$status -eq 3 ]]; then echo "test: SKIPPED: all that needs them, for the reason above"; \
	elif [[ $$status -ne 0 ]]; then exit $$status; fi

gpu-kernels: build-tests ## compile all kernels for GPUs and run them without one
	@echo "test: emulation of a GPU"
	@python3 -m unittest discover --start-directory Tests/Emulation
	@echo "test: kernels for GPUs"
	@Tests/EndToEnd/gpu_kernels.sh .build/debug/swiftlet .venv-kernels

gpu-check: ## on a machine with a GPU: check and measure all kernels there (SWIFTLET=, ARTIFACTS=)
	@if [[ -z "$(SWIFTLET)" ]]; then swift build -c release --product swiftlet $(SWIFT_BUILD_FLAGS); fi
	@Scripts/gpu-check.sh --swiftlet "$(or $(SWIFTLET),$(RELEASE))" $(if $(ARTIFACTS),--artifacts "$(ARTIFACTS)")

format: ## format the Swift sources in place
	@swift format --in-place --parallel --recursive $(SWIFT_FOLDERS)

clean: ## remove what was built; the fetched model stays
	rm -rf .build .venv-test
