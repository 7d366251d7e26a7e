# Every target sets up its own environment first (scripts/bootstrap.py), so that on a bare machine
# `make demo` and `make test` are all there is to type.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
# A worker a core; the tests of a file stay together, with what they share.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadscope

.PHONY: help install demo test test-data test-slow test-all lint format docs bench-serving bench-scale bench-quality bench-gowalla bench-train bench-multi-task bench-aliccp bench-etl clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Bring uv, Python and the locked packages into .tools and .venv
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2> /dev/null || { \
	  echo 'make: the set-up needs a python3 (3.8 or newer) and finds none.' >&2; \
	  echo '      Debian, Ubuntu: apt-get install python3' >&2; exit 1; }
	@python3 scripts/bootstrap.py

demo: install ## MovieLens files to recommendations out of a Triton server
	$(BIN)/shortlist demo

test: install ## All tests but the slow ones; GPU tests where there is a GPU
	$(PYTEST) -m "not slow"

test-data: install ## Recipes and sources on the real data sets that SHORTLIST_DATA holds
	$(PYTEST) -m data

test-slow: install ## Notebooks, the container images, the other recipes, and what takes minutes
	$(PYTEST) -m slow

test-all: install ## Every test: those of test, test-slow and test-data
	$(PYTEST)

lint: install ## ruff (lint and format) and mypy, changing nothing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: install ## Format the code and fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: install ## Write the reference pages of docs/ from the code
	$(BIN)/python -m scripts.reference

bench-serving: install ## Latency and throughput of serving, beside the stock graph
	$(BIN)/python -m benchmarks.serving

bench-scale: install ## Serving from ten thousand to five million items
	$(BIN)/python -m benchmarks.scale

bench-quality: install ## The funnel beside baselines, its parts, and itself without one of them
	$(BIN)/python -m benchmarks.quality

bench-gowalla: install ## The same on Gowalla, which SHORTLIST_DATA holds; an hour and more
	$(BIN)/python -m benchmarks.quality --recipe gowalla --without ablation boosted \
	  --baselines popularity ItemKNN

bench-train: install ## Rows a second and seconds to the same recall, beside stock Merlin Models
	$(BIN)/python -m benchmarks.train

bench-multi-task: install ## One model for retrieval and ratings beside one for each
	$(BIN)/python -m benchmarks.multi_task

bench-aliccp: install ## Seconds and memory of each step at four million rows
	$(BIN)/python -m benchmarks.aliccp

bench-etl: install ## Data preparation beside NVTabular and hand-written Polars
	$(BIN)/python -m benchmarks.etl

clean: ## Remove artifacts and caches (the environment and downloaded data stay)
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -not -path './.tools/*' -prune -exec rm -rf {} +
	if [ -d artifacts ]; then find artifacts -mindepth 1 -maxdepth 1 -not -name downloads -exec rm -rf {} +; fi
