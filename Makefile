# The two commands of the README are `make quickstart` and `make test`.
SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export PYTHONDONTWRITEBYTECODE :=
# containers run as root and may offer fewer cores than ranks
export OMPI_ALLOW_RUN_AS_ROOT := 1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM := 1
export OMPI_MCA_rmaps_base_oversubscribe := 1
CORES ?= $(shell nproc)

.PHONY: help setup quickstart test test-unit test-gpaw test-workflow test-browser test-slurm bench report controls convergence lint format docs clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

setup:  ## system libraries, virtual environment, GPAW
	@scripts/setup-environment

quickstart: setup  ## from nothing to a ranked report (config/quickstart.yaml)
	@peropass run config/quickstart.yaml --cores $(CORES)

test:  ## everything that CI runs: lint, unit, workflow on a toy engine, GPAW on tiny cells, the report in a browser
	@scripts/setup-environment --browser
	@$(MAKE) --no-print-directory lint
	@pytest

test-unit: setup  ## unit tests only, under a minute
	@pytest tests/unit

test-gpaw: setup  ## GPAW on tiny cells
	@pytest tests/gpaw

test-workflow: setup  ## the graph on a toy engine
	@pytest tests/workflow

test-browser:  ## the report in headless Chromium
	@scripts/setup-environment --browser
	@pytest tests/report

test-slurm:  ## a real one-machine Slurm
	@scripts/setup-environment --slurm
	@pytest -m slurm tests/slurm

bench: setup  ## cost to a converged number against a plain script, builders, report
	@pytest -s tests/bench

report: setup  ## rebuild the reports of the committed reference campaigns
	@for file in results/reference/*/campaign.json; do peropass report $$(dirname $$file); done

controls: setup  ## the trap controls (hours; resumes)
	@peropass run config/controls.yaml --cores $(CORES)

convergence: setup  ## the ladder behind the error model (hours; resumes)
	@peropass convergence

lint: setup  ## style of Python, rule files and workflow
	@ruff check peropass scripts tests
	@snakefmt --check Snakefile workflow/rules
	@snakemake --lint --config campaign=config/quickstart.yaml

format: setup  ## put all files into the house style
	@ruff check --fix -q peropass scripts tests; ruff format -q peropass scripts tests; snakefmt Snakefile workflow/rules

docs: setup  ## generated pages
	@peropass docs

clean:  ## remove the virtual environment and caches, keep results
	@rm -rf .venv .snakemake .pytest_cache .ruff_cache build *.egg-info
