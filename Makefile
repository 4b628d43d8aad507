# Trimtab's own commands. A machine needs make, git and python3 with pip; `make setup` brings the rest into .venv,
# and every other target calls it first (a no-op once done).

BIN := .venv/bin
CORE_WORKERS ?= 2
WORKERS ?= 4
CLIENT_WORKERS ?= 6
CORE_TESTS := tests/domain tests/calc tests/policy tests/engine
ARGS ?=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo run simex test lint fmt type contracts unit mutants clients sync fuzz swarm bench accept bands docs reference months image deploy-check lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## make .venv with the trimtab command in it
	@sh .ci/setup.sh

demo: setup ## watch a hedge opened, kept and closed against a simulated exchange: no key, no network
	@$(BIN)/trimtab demo $(ARGS)

run: setup ## run the daemon: make run ARGS="--config FILE" (dry-run unless told otherwise)
	@$(BIN)/trimtab run $(ARGS)

simex: setup ## run the simulated exchange: make simex ARGS="--faults FILE"
	@$(BIN)/trimtab simex $(ARGS)

test: lint type contracts unit clients ## everything that must pass: style, types, layers, tests, coverage, clients

lint: setup ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

fmt: setup ## let ruff mend and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

type: setup ## mypy, strict
	$(BIN)/mypy

contracts: setup ## import-linter: who may import whom
	$(BIN)/lint-imports

# The core is measured, and only by its own tests; the others wait on sockets more than they compute.
unit: setup ## pytest: the core's branch coverage at 100 %, then everything else: make unit ARGS="-k kill"
	$(BIN)/python -m pytest -n $(CORE_WORKERS) --dist worksteal -m "not slow" --cov --cov-report=term $(CORE_TESTS)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(addprefix --ignore=,$(CORE_TESTS) tests/clients) $(ARGS)

mutants: setup ## the core's slow proofs: each step of the quote filter broken in turn, and found out
	$(BIN)/python -m pytest -n $(CORE_WORKERS) --dist worksteal -m slow $(CORE_TESTS)

# Two environments, because two of the clients are packages of one name. Most of a session is waiting for its turn.
clients: setup ## other people's clients, unmodified, trade on the simulated exchange: make clients ARGS="-k ccxt"
	@sh .ci/venv.sh .venv-clients requirements-clients.lock .venv-connector requirements-connector.lock
	$(BIN)/python -m pytest -n $(CLIENT_WORKERS) --dist worksteal tests/clients $(ARGS)

sync: setup ## a million diffs of the simulated exchange's books, checked by the venues' rules
	@$(BIN)/python -m tests.simex.sync_million $(or $(ARGS),1000000)

fuzz: setup ## rubbish at every host of the simulated exchange for ten minutes: make fuzz ARGS="SECONDS SEED"
	@$(BIN)/python -m tests.simex.fuzz $(or $(ARGS),600)

swarm: setup ## the bot under swarms of faults, every situation met or red: make swarm ARGS="SECONDS SEED" or "--seed N"
	@$(BIN)/python -m tests.swarm $(or $(ARGS),600)

bench: setup ## the table of speeds, ratios taken in one run
	@$(BIN)/python -m bot.lab.bench $(ARGS)

accept: setup ## live against recorded market data: one JSON summary
	@$(BIN)/python -m bot.lab.accept $(ARGS)

# The locks hold hashes and no index address: where packages come from is the machine's business.
# Pins are kept where they still fit; `make lock ARGS=--upgrade` moves them.
UV = $(shell command -v uv || echo .tools/bin/uv)
COMPILE = UV_SYSTEM_CERTS=$${UV_SYSTEM_CERTS:-1} $(UV) pip compile --quiet --universal --python-version 3.11 --only-binary :all: --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(ARGS)

docs: setup ## the documentation as a site in ./site, built strictly
	@sh .ci/docs.sh

reference: setup ## write the reference pages of the docs anew from the code
	@$(BIN)/python -m bot.ops.reference

bands: setup ## what the joint auto band costs beside simpler rules: make bands ARGS=--synthetic
	@$(BIN)/python -m bot.lab.bands $(ARGS)

months: setup ## thirty simulated days of journal upkeep: one JSON summary
	@$(BIN)/python -m bot.lab.months $(ARGS)

image: ## build the container image with buildah: make image ARGS="--local-base --demo"
	@sh deploy/image.sh $(ARGS)

deploy-check: ## hold deploy/ against its makers' linters: systemd-analyze, promtool, hadolint ...
	@sh deploy/check.sh

lock: ## make the locks anew after a change of dependencies
	@command -v uv >/dev/null || test -x .tools/bin/uv || \
		PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --require-hashes --only-binary :all: --no-deps \
			--target .tools -r .ci/bootstrap.lock
	echo uv | $(COMPILE) --no-annotate --output-file .ci/bootstrap.lock -
	$(COMPILE) --group test --output-file requirements-dev.lock pyproject.toml
	$(COMPILE) --constraint requirements-dev.lock --group pyproject.toml:docs --output-file requirements-docs.lock
	$(COMPILE) --group pyproject.toml:clients --output-file requirements-clients.lock
	$(COMPILE) --constraint requirements-clients.lock --group pyproject.toml:connector --output-file requirements-connector.lock
	$(COMPILE) --group build --constraint requirements-dev.lock --output-file requirements.lock pyproject.toml

clean: ## remove what the targets made, .venv included
	rm -rf .venv .venv-docs .venv-clients .venv-connector site .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* dist
	find bot tests -name __pycache__ -type d -prune -exec rm -rf {} +
