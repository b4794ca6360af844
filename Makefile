# The few verbs a person needs; CI runs the same ones. Wants only Python 3.11 or 3.12 with venv, and make.
PYTHON ?= python3
BIN := .venv/bin
# PYTEST_ARGS narrows a run: make test PYTEST_ARGS="tests/core -x"
PYTEST_ARGS ?=

# Set, it makes every process that a test starts compile this project's modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo sandbox lab test test-all lab-test bench bench-full lint lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Everything at the versions and hashes of the lock, which is complete: nothing is resolved (--no-deps), and as it brings
# setuptools, nothing else is fetched to build this package. tests/test_packaging.py checks that nothing is missing.
.venv/installed: requirements.lock pyproject.toml
	@echo "Installing the packages of requirements.lock into .venv (about two minutes when nothing is cached) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check -qq --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --disable-pip-version-check -qq --no-deps --no-build-isolation --editable .
	@touch $@

demo: .venv/installed ## install a Data Flow server in a box, through a Prefect server and worker of its own
	@$(BIN)/python -m tests.sandbox.demo

sandbox: .venv/installed ## start only the cluster in a box and stay until Ctrl-C
	@$(BIN)/python -m tests.sandbox

lab: .venv/installed ## start the same cluster on real parts (root, Docker's engine) and stay until Ctrl-C
	@$(BIN)/python -m tests.engine $(LAB_ARGS)

# Two workers; fixtures that start servers are made once per worker and file. A test that hangs is ended with a stack
# trace instead of holding the whole run. What takes minutes by its nature is marked `matrix` and left to test-all.
PYTEST = $(BIN)/python -m pytest -n 2 --dist worksteal --timeout 300

test: .venv/installed ## the tests, some six minutes on two cores (COVERAGE=1: also how much of flows and blocks they reach)
	$(PYTEST) -m "not matrix and not lab" $(if $(COVERAGE),--cov --cov-report=term) $(PYTEST_ARGS)

test-all: test ## and the whole matrix of stage and fault, the demo, an installation without the lock
	$(BIN)/python -m pytest -q tests/core --hypothesis-profile=thorough
	$(PYTEST) -m "matrix and not lab" $(if $(COVERAGE),--cov --cov-append --cov-report=term --cov-fail-under=90) $(PYTEST_ARGS)

# Three workers, as stories on real parts mostly wait. They share one engine; stories that share a world stay together
# (tests/engine/conftest.py).
LAB_PYTEST = $(BIN)/python -m pytest -n 3 --dist loadgroup --timeout 600
lab-test: .venv/installed ## the stories once more, on real parts (as root; says what to install)
	$(LAB_PYTEST) -m lab --durations=0 --durations-min=1 tests/engine $(PYTEST_ARGS)

# What we are compared with, beside the project: nothing of it comes into .venv or the lock.
.venv-bench/installed: tests/bench/rivals.txt
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --disable-pip-version-check -qq -r tests/bench/rivals.txt
	@touch $@

# BENCH_ARGS names benchmarks and rounds: make bench BENCH_ARGS="facts --rounds 3"
BENCH = $(BIN)/python -m tests.bench
bench: .venv/installed .venv-bench/installed ## our code and its rivals side by side, the quick set (says what to install)
	$(BENCH) $(BENCH_ARGS)

bench-full: .venv/installed .venv-bench/installed ## the whole set, and write tests/bench/RESULTS.md
	$(BENCH) --full $(BENCH_ARGS)

lint: .venv/installed ## ruff (rules and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Resolves anew inside the bounds of pyproject.toml, for every supported Python and system; look at the diff.
# No addresses go into the file: the index is the reader's own business.
lock: .venv/installed ## renew requirements.lock (installs uv beside the project first)
	$(BIN)/python -m pip install --disable-pip-version-check -qq uv
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --extra dev --extra audit \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --no-strip-extras \
		--output-file requirements.lock pyproject.toml
	@touch .venv/installed

clean: ## remove the environment and everything the tools left in this folder
	rm -rf .venv .venv-bench tests/bench/last demo-audits build dist *.egg-info .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
