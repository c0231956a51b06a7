# Needs Python 3.11, 3.12 or 3.13 and make. Everything is installed into .venv, nothing outside this folder.

.DEFAULT_GOAL := help
.PHONY: help python setup bench bundle gpu-speed standard results test test-slow test-ray test-parity test-install test-newest docs lint lock

# The newest Python that works; PYTHON=... chooses another. Running it also sees through wrappers that only seem there.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
NEWEST := .venv-newest/bin
STAMP := .venv/.installed

BENCH := --algorithms eggroll,open_es,ppo --seeds 0:3
# Solving CartPole takes more steps than the other two need to tell the algorithms apart; the table states the budgets.
BENCH_STEPS_CARTPOLE ?= 400000
BENCH_STEPS ?= 100000
BENCH_OUT ?= runs/bench
# The folders of committed runs: those that hold tiers.
SETS := $(sort $(patsubst %/,%,$(dir $(wildcard $(foreach tier,smoke lite standard paper,results/*/$(tier))))))
# Most rows of results/baselines are in the baselines' entries on the leaderboard, and are not kept twice.
ENTRIES := $(sort $(wildcard $(patsubst baselines/entries/%.toml,leaderboards/lite-v2/%,$(wildcard baselines/entries/*.toml))))

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(STAMP) ## install esbench and all that it needs into .venv; does nothing while nothing changed

python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11, 3.12 or 3.13 found: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; exit 1; }

$(STAMP): requirements.lock pyproject.toml | python
	@test -x $(BIN)/python || { echo "Creating .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@echo "Installing requirements.lock into .venv (minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
	@echo "Installed. Next: . $(BIN)/activate, then esbench doctor"

bench: $(STAMP) ## EGGROLL, OpenES and PPO on three tasks, three seeds each: a table and a figure
	$(BIN)/esbench sweep --tasks CartPole-v1 $(BENCH) --steps $(BENCH_STEPS_CARTPOLE) --out $(BENCH_OUT)
	$(BIN)/esbench sweep --tasks Knapsack-v1,DynamicObstacles-6x6-v0 $(BENCH) --steps $(BENCH_STEPS) --out $(BENCH_OUT)
	$(BIN)/esbench report $(BENCH_OUT) --out $(BENCH_OUT)/report

gpu-speed: $(STAMP) ## what the GPU here does, in at most 8 minutes: JSON and a figure in results/speed
	$(BIN)/python -m baselines.studies.gpu

standard: $(STAMP) ## the standard tier on a GPU, in pieces: repeat it to go on; DRY_RUN=1, MINUTES, SHARE, TASKS, PRESET
	$(BIN)/python -m baselines.studies.standard $(if $(DRY_RUN),--dry-run) $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(SHARE),--share $(SHARE)) $(if $(TASKS),--tasks $(TASKS)) $(if $(PRESET),--preset $(PRESET))

bundle: $(STAMP) ## esbench and its wheels as one file for a machine offline: PLATFORM, PYTHON_VERSION, EXTRAS, HAS
	@$(BIN)/python -m esbench.bundle $(if $(PLATFORM),--platform $(PLATFORM)) \
		$(if $(PYTHON_VERSION),--python $(PYTHON_VERSION)) $(if $(EXTRAS),--extras $(EXTRAS)) $(if $(HAS),--has "$(HAS)")

results: $(STAMP) ## results/ anew from its raw rows: tables, figures and JSON Schema, the same bytes every time
	$(BIN)/python -m esbench.results.schema results/schema
	@for set in $(SETS); do echo "$$set/report"; \
		case $$set in results/baselines) rows="$(ENTRIES)";; *) rows=;; esac; \
		$(BIN)/esbench report $$set $$rows --out $$set/report > /dev/null || exit 1; done
	@test ! -d results/tuning || $(BIN)/python -m esbench.tuning.record results/tuning
# Larger than all the rest, not shown where a repository is read, or in report.md already.
	@rm -rf results/*/report/report.html results/*/report/ioh results/*/report/tables results/*/report/table.*; \
		find results/*/report results/tuning \( -name '*.svg' -o -name '*.tex' \) -delete
	$(BIN)/python -m baselines.studies.text_tables
	$(BIN)/python -m baselines.studies.reasoning_tables
	$(BIN)/python -m esbench.report.include docs/results.md results/text/README.md results/reasoning/README.md

test: $(STAMP) ## the tests, without the slow ones
	$(BIN)/python -m pytest -q -n auto --dist loadfile

test-slow: $(STAMP) ## the slow tests: minutes of compilation and training each; the page is tested in Chromium
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m slow

test-ray: $(STAMP) ## the tests of sweeps on a Ray cluster of this machine; adds the extra ray to .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[ray]'
	$(BIN)/python -m pytest -q -m ray tests/experiment

test-parity: | python ## RWKV-7 and Countdown against rwkv and reasoning-gym, in .venv-parity
	$(PYTHON) -m venv .venv-parity
	.venv-parity/bin/python -m pip install --quiet --disable-pip-version-check -e '.[parity,dev]'
	.venv-parity/bin/python -m pytest -q -m parity tests/policies tests/tasks/test_countdown.py

test-install: | python ## the wheel alone and with every extra alone, each in a clean environment; EXTRAS="none navix" for some
	$(PYTHON) tests/install/wheel.py $(EXTRAS)

test-newest: | python ## the tests with the newest versions that pyproject.toml allows, in .venv-newest
	$(PYTHON) -m venv .venv-newest
	$(NEWEST)/python -m pip install --quiet --upgrade --upgrade-strategy eager -e '.[all,evosax,dev]'
# Only kinetix caps jax and jax2d, by its metadata. Its code runs with what esbench allows; jax2d 1.0.1 ends at jax 0.10. pip
# warns, and goes on.
	$(NEWEST)/python -m pip install --quiet --upgrade --upgrade-strategy eager -e . jax2d
# From jax 0.11 on XLA hands products on a CPU to a library whose last bits depend on how many are side by side.
	XLA_FLAGS=--xla_cpu_experimental_ynn_fusion_type= $(NEWEST)/python -m pytest -q -n auto --dist loadfile

docs: $(STAMP) ## the documentation as a site in site/; adds the extra docs to .venv
	@$(BIN)/python -c 'import mkdocstrings, material' 2> /dev/null || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

lint: $(STAMP) ## style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ty check --python .venv

lock: $(STAMP) ## write requirements.lock anew from pyproject.toml, keeping versions that still fit
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
		--extra all --extra evosax --extra text --extra dev --custom-compile-command "make lock" pyproject.toml --output-file requirements.lock
