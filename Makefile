# Every habit of this repository. `make help` lists them.
# A machine needs Python 3.11 or newer, pip and make; all else comes as wheels into .venv.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.synced
# One process more than a small machine has cores: many tests wait for something, and none depends on how quick
# the machine is. Modules are compiled once and kept, also where Python may not cache: else each process would
# take five seconds for it in each run.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist loadgroup
SOURCES := protocol broker client tests bench docs/examples

.DEFAULT_GOAL := help

help:  ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

sync: $(STAMP)  ## make .venv with everything in it

$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cnmessage needs Python 3.11 or newer, this is " + sys.version)'
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q protocol broker client  # commands start quicker, also where Python may not cache
	@touch $@

run: sync  ## set up and start a broker on 127.0.0.1:12416
	@$(BIN)/cnmessage-broker start

demo: sync  ## a tour without a keyboard: real broker, three users, every step checked
	@$(BIN)/python -m docs.examples.tour

test: sync  ## set up and run the tests, in three processes; slow ones are left to `make check`
	@$(PYTEST) -m "not slow"

slow: sync  ## the tests that take more than ten seconds each
	@$(PYTEST) -m slow

check: lint types imports test slow  ## what CI runs

lint: sync
	@$(BIN)/ruff format --check --quiet $(SOURCES) || { echo "run: make fmt"; exit 1; }
	@$(BIN)/ruff check --quiet $(SOURCES)

types: sync
	@$(BIN)/mypy

imports: sync
	@$(BIN)/lint-imports --no-logo

docs-check: sync  ## the tests that hold the documents to the code
	@$(BIN)/python -m pytest -q tests/unit/test_docs*.py tests/acceptance/test_readme.py

fmt: sync  ## format the sources and fix what can be fixed
	@$(BIN)/ruff format --quiet $(SOURCES)
	@$(BIN)/ruff check --quiet --fix $(SOURCES)

bench: sync  ## speed beside bare loops, in turn; ROUNDS, ONLY="messages users" and SAVE=name may be given
	@$(BIN)/python -m bench $${ROUNDS:+--rounds $$ROUNDS} $${ONLY:+--only $$ONLY} $${SAVE:+--save $$SAVE}

bench-check: sync  ## fails when a ratio is worse by a fifth than in bench/results/baseline.json
	@$(BIN)/python -m bench.check

bench-peers: sync  ## the product beside Redis, NATS, Mosquitto and RabbitMQ, those that are installed
	@$(BIN)/python -m bench.peers $${ROUNDS:+--rounds $$ROUNDS} $${ONLY:+--only $$ONLY} $${SAVE:+--save $$SAVE}

bench-scale: sync  ## thousands of clients at once and idle; CLIENTS="500 1000" and IDLE seconds may be given
	@$(BIN)/python -m bench.scale $(CLIENTS) $${IDLE:+--idle $$IDLE}

bench-store: sync  ## what a store of eight million messages costs, beside an empty one; MESSAGES may be given
	@$(BIN)/python -m bench.large_store $${MESSAGES:+--messages $$MESSAGES}

faults: sync  ## the fault runs of the default suite, many more of each
	@CNMESSAGE_FAULT_RUNS=$${CNMESSAGE_FAULT_RUNS:-50} $(BIN)/python -m pytest tests/faults --timeout 3600

fuzz: sync  ## half an hour of odd peers on all four ports; MINUTES, SEED and PORT may be given
	@$(BIN)/python -m tests.fuzz --minutes $${MINUTES:-30} --port $${PORT:-all} $${SEED:+--seed $$SEED}

dist: sync  ## build the wheel in dist/, to install on another machine with pipx or pip
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

attacks: sync  ## attack a broker of its own beside honest users, ten minutes; writes docs/attack-report.md
	@$(BIN)/python -m tests.attacks --report docs/attack-report.md

picture: sync  ## draw docs/chat.svg anew from a golden screen of the tests
	@$(BIN)/python -m tests.support.picture

map: sync  ## write the map of all files in docs/architecture.md anew
	@$(BIN)/python -m tests.support.house_map

lock: sync  ## write constraints.txt anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-header \
	    --no-annotate --universal --python-version 3.11 --upgrade --output-file constraints.txt

clean:  ## remove everything that was made in this folder; a broker's data is elsewhere
	@rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
