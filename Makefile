# Everything here needs Python >= 3.11 with pip, and make. `make help` lists it.
#
# .venv is made from the hashed locks alone: first what they name, then this checkout itself, built by the locked
# build system without a download. A stamp tells when a lock has been installed, so that a second run starts at once.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	"$$python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

# What must be covered to the last branch: the pure core, and the wires (bytes <-> values).
COVERED := */klaroen/core/*,*/klaroen_adapters/http_wire.py,*/sms/smpp_[a-z]*.py,*/sms/gateway*.py,*/mail/mail_*.py,*/mail/smtp_[a-z]*.py,*/voice/twilio_*.py,*/voice/ari_[a-z]*.py,*/voice/sip_[a-z]*.py,*/voice/rtp_*.py,*/voice/voice_frames.py,*/whatsapp/whatsapp_*.py,*/speech/alaw.py,*/speech/dutch.py,*/speech/frames.py,*/speech/judge.py,*/speech/lexicon.py,*/speech/tongues.py

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo
demo: $(VENV)/.installed ## A national warm alert on this machine; ARGS="--storm --members 10000" for more
	$(BIN)/klaroen demo $(ARGS)

.PHONY: test
test: lint peers ## Every check and test that CI runs; real peers are installed when you are root
	tests/run.sh $(ARGS)
	$(if $(ARGS),,$(BIN)/coverage report --skip-covered --include='$(COVERED)' --fail-under=100)

.PHONY: check
check: lint ## Format, lint, types, layers and the fast tests: under a minute
	$(BIN)/pytest -q tests/unit tests/property $(ARGS)

.PHONY: lint
lint: $(VENV)/.installed-test
	$(BIN)/ruff format --quiet --check
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

.PHONY: bench
bench: $(VENV)/.installed-test ## The benchmarks; BENCH="national latency" for some of them, ARGS=--json for machines
	for bench in $(BENCH); do $(BIN)/klaroen bench "$$bench" $(ARGS); done
BENCH ?= national latency receipts voice peers

.PHONY: kill
kill: $(VENV)/.installed ## Kill the real processes N times while they warn people, and audit; N=1000 takes half an hour
	$(BIN)/klaroen bench kill --kills $(N) $(ARGS)
N ?= 50

.PHONY: soak
soak: $(VENV)/.installed ## The real processes warmed up, then under a steady stream of alerts for ten minutes: nothing may grow
	$(BIN)/python -m klaroen_bench.soak $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.installed-test ## Coverage-guided fuzzing of every parser; MINUTES=60 for all together, ARGS="sip smpp" for some
	$(BIN)/python -m pip install --quiet --require-hashes -r tests/fuzz/requirements.lock
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGS)
MINUTES ?= 5

.PHONY: audit
audit: $(BIN)/python ## Ask the Python Packaging Advisory Database about every locked package; needs a network, which CI lacks
	@$(PYTHON) -m venv .audit && .audit/bin/pip install --quiet 'pip-audit>=2.9,<3'
	.audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock

.PHONY: lock
lock: $(VENV)/.installed-test ## Resolve the dependencies anew and write both locks
	$(BIN)/python -m pip install --quiet 'uv>=0.13,<0.14'
	$(LOCK) --group pyproject.toml:build pyproject.toml --output-file requirements.lock
	$(LOCK) --group pyproject.toml:build --group pyproject.toml:lint --group pyproject.toml:test \
		--group pyproject.toml:hearing pyproject.toml \
		--constraints requirements.lock --output-file requirements-test.lock
LOCK = $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
	--no-strip-extras --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

.PHONY: clean
clean: ## Remove what was made here: .venv, caches, demo data
	rm -rf $(VENV) .audit .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .schemathesis \
		build dist klaroen-demo-* tests/wire/peers/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: peers
peers:
	tests/peers.sh

# --- the environment --------------------------------------------------------------------------------------------------

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo 'Python >= 3.11 with pip is needed: PYTHON=/path/to/python3 make ...' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || $(PYTHON) -m venv --without-pip --clear $(VENV)

# Debian's Python can make an environment without pip only; then the outer pip installs into it.
INSTALL = @if [ -x $(BIN)/pip ]; then pip=($(BIN)/python -m pip); \
	else pip=($(PYTHON) -m pip --python $(BIN)/python); fi; \
	echo 'Installing $< into $(VENV)'; \
	"$${pip[@]}" install --quiet --require-hashes -r $<; \
	"$${pip[@]}" install --quiet --no-deps --no-build-isolation --editable .; \
	touch $@

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL)

$(VENV)/.installed-test: requirements-test.lock pyproject.toml | $(BIN)/python
	$(INSTALL)
