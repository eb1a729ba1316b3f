.DEFAULT_GOAL := help
VENV ?= .venv
PY := $(VENV)/bin/python
export PYTHONDONTWRITEBYTECODE ?= 1

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.ready: requirements.lock requirements-dev.lock pyproject.toml
	@sh deploy/prepare-debian.sh python3 python3-venv
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(VENV)/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/foreign/.ready: $(VENV)/.ready tests/foreign/package.json tests/foreign/package-lock.json
	@sh deploy/prepare-debian.sh nodejs npm
	@mkdir -p $(@D) && cp tests/foreign/package.json tests/foreign/package-lock.json $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/beside/.ready: $(VENV)/.ready bench/beside/package.json bench/beside/package-lock.json
	@sh deploy/prepare-debian.sh npm
	@mkdir -p $(@D) && cp bench/beside/package.json bench/beside/package-lock.json $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

demo: $(VENV)/.ready ## the whole story on embedded SQLite and simulated partners (ONCE=1: stop after the story)
	@$(VENV)/bin/passerelle demo $(if $(ONCE),--once)

test: $(VENV)/foreign/.ready ## every test, on SQLite and on a PostgreSQL server of its own
	@sh deploy/prepare-debian.sh postgresql chromium curl
	$(PY) -m pytest -n 2 --dist loadgroup

check: $(VENV)/foreign/.ready ## style, types, import contracts, coverage
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	@sh deploy/prepare-debian.sh postgresql chromium curl
	$(PY) -m pytest -n 2 --dist loadgroup --cov --cov-report=term-missing:skip-covered

bench: $(VENV)/.ready ## measure a governed exchange beside plain pass-throughs (see bench/README.md)
	@sh deploy/prepare-debian.sh postgresql
	$(PY) -m bench

lock: ## choose versions anew: hashes, no registry address
	$(VENV)/bin/pip install -q uv
	$(VENV)/bin/uv pip compile -q --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	$(VENV)/bin/uv pip compile -q --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml build.in -o requirements-dev.lock

.PHONY: help demo test check bench lock
