# reautomation. `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
PYTEST := $(BIN)/python -m pytest

.PHONY: help install install-dev demo run test test-fast test-slow test-demo test-browser test-chaos chaos bench-billing bench-booking bench-dispatch bench-voice bench-speech bench-machines bench-hearing bench-models soak evals evals-voice chat lint format lock clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1@\2/' | column -t -s@

install: $(VENV)/.installed ## Install what running needs into .venv
install-dev: $(VENV)/.installed-dev ## Install what testing needs as well

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed and $(PYTHON) was not found: install it, or name it with 'make PYTHON=/path/to/python3.11'."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { echo "Python 3.11 is needed, and '$(PYTHON) -V' says: $$($(PYTHON) -V 2>&1 | head -n 1). Name another with 'make PYTHON=/path/to/python3.11'."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian: apt-get install python3.11-venv)."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(BIN)/python
	@echo "Installing into $(VENV) …"
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements.txt || { echo "The installation failed, see above: check the network, then run the command again."; exit 1; }
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "Installing what tests need …"
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements-dev.txt || { echo "The installation failed, see above: check the network, then run the command again."; exit 1; }
	@touch $@

demo: install ## Call twelve simulated people, with real speech; KEEP=1 keeps serving
	@exec $(BIN)/python -m reautomation.demo $(if $(KEEP),--keep)

run: install ## Serve everything on this machine, with the carrier that the environment names
	@exec $(BIN)/python -m reautomation.serve

test: install-dev ## All tests that need no outside account
	@$(MAKE) --no-print-directory test-fast test-slow test-demo test-browser test-chaos
	@$(BIN)/coverage report --fail-under=90 | tail -n 30

test-fast: install-dev ## The quick tests, in parallel
	@$(PYTEST) -q -n 2 --cov --cov-report=

test-slow: install-dev ## Tests that take more than a few seconds each, whole calls with real speech among them
	@$(PYTEST) -q -n 2 -m "slow or whole_call" --cov --cov-append --cov-report=

test-demo: install-dev ## The demo, as its reader runs it
	@$(PYTEST) -q -m demo --cov --cov-append --cov-report=

test-browser: install-dev ## The pages in Chromium; skipped where there is none
	@$(PYTEST) -q -m browser --cov --cov-append --cov-report=

test-chaos: install-dev ## A short run of faults over a whole installation, judged by the carrier's log
	@$(PYTEST) -q -m chaos

chaos: install-dev ## Three long runs of faults over 510 leads each; SEED=17 replays one, LEADS and MINUTES make it shorter
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(LEADS),--leads $(LEADS)) $(if $(MINUTES),--minutes $(MINUTES))

bench-billing: install-dev ## Holds and settlements a second against a bare UPDATE; the cost pages at a million calls
	@$(BIN)/python -m bench.billing
	@$(BIN)/python -m bench.analytics

bench-voice: install-dev ## Answer latency, calls per process and cost per call beside stock Pipecat; SPEECH=folder of recordings
	@$(BIN)/python -m bench.voice $(if $(SPEECH),--speech $(SPEECH))

bench-speech: install-dev ## Word error and answers understood beside plain greedy search; SPEECH=folder of recordings, MODEL=another
	@$(BIN)/python -m bench.speech $(if $(SPEECH),--speech $(SPEECH)) $(if $(MODEL),--model $(MODEL)) $(if $(LIMIT),--limit $(LIMIT))

bench-machines: install-dev ## Who is taken for a person, a voicemail, a screening service, a menu or a fax: confusion matrix
	@$(BIN)/python -m bench.machines $(if $(SPEECH),--speech $(SPEECH))

bench-booking: install-dev ## 10,000 attempts of eight threads to book one calendar: no time is given twice
	@$(BIN)/python -m bench.booking

bench-models: install-dev ## First clause and what passes the checks, of the language model that the environment names
	@$(BIN)/python -m bench.models

bench-hearing: install-dev ## What the rules understand of sentences: slots, opt-outs, objections; SAYINGS=another file, OPT_OUTS=file of opt-outs alone, WRONG=1
	@$(BIN)/python -m bench.hearing $(if $(SAYINGS),--sayings $(SAYINGS)) $(if $(OPT_OUTS),--opt-outs $(OPT_OUTS)) $(if $(WRONG),--wrong)

bench-dispatch: install-dev ## Due leads, decisions and queued calls a second, from 10,000 to a million leads
	@$(BIN)/python -m bench.dispatch

soak: install-dev ## 40 calls that come and go for 30 minutes, then twice as many offered; MINUTES and CALLS change it
	@$(BIN)/python -m bench.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(CALLS),--calls $(CALLS))

evals: install-dev ## People in text, graded by the database; RUNS, SEED, PERSON=one of evals/people, DIALOGUE=file, JSON=file
	@$(BIN)/python -m evals $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) $(if $(PERSON),--person $(PERSON)) $(if $(DIALOGUE),--dialogue $(DIALOGUE)) $(if $(JSON),--json $(JSON))

evals-voice: install-dev ## A sample of the people by voice, in noise; CALLS, SEED, PERSON, SNR=dB or quiet, NOISE=recording, AT_ONCE, JSON=file
	@$(BIN)/python -m evals.voice $(if $(CALLS),--calls $(CALLS)) $(if $(SEED),--seed $(SEED)) $(if $(PERSON),--person $(PERSON)) $(if $(SNR),--snr $(SNR)) $(if $(NOISE),--noise $(NOISE)) $(if $(AT_ONCE),--at-once $(AT_ONCE)) $(if $(JSON),--json $(JSON))

chat: install ## Talk with the agent in the terminal, its state shown; CAMPAIGN=number or name
	@exec $(BIN)/python manage.py chat $(if $(CAMPAIGN),--campaign "$(CAMPAIGN)")

lint: install-dev ## Formatting, ruff, mypy, the contracts between the parts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python manage.py makemigrations --check --dry-run

format: install-dev ## Put the code in form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: install-dev ## Write requirements*.txt anew from pyproject.toml
	@$(BIN)/python -m uv pip compile -q --generate-hashes --no-header --python-version 3.11 --python-platform x86_64-manylinux_2_28 pyproject.toml -o requirements.txt
	@$(BIN)/python -m uv pip compile -q --generate-hashes --no-header --python-version 3.11 --python-platform x86_64-manylinux_2_28 --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean: ## Remove data, caches and the installation
	@rm -rf var .venv .mypy_cache .ruff_cache .hypothesis .coverage* build *.egg-info
