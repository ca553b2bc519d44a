# Twinsight's commands. `make demo` and `make test` are all most people need.
#
#   PYTHON           interpreter for the virtual environment (Python 3.11 or newer; unless you
#                    name one, the fastest that deploy/pick_python.sh finds)
#   TORCH_INDEX_URL  PyTorch's CPU or CUDA index, such as https://download.pytorch.org/whl/cpu
#   ARGS             passed on: make test ARGS="tests/archive -k windowing"

PYTHON ?= $(shell deploy/pick_python.sh)
VENV ?= .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input
TEMPLATES := $(wildcard templates)
WORKER_STAMP := $(VENV)/.installed-worker
DEV_STAMP := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.PHONY: help demo up viewer install dev test lint types format bench messages translations screenshots sbom clean

help:
	@echo "make demo    set up, start everything, load demonstration studies, print the address"
	@echo "make up      start everything on your own data"
	@echo "make viewer  fetch the OHIF viewer (npm, 48 MB) and serve it under /viewer/"
	@echo "make test    the whole test suite on the real parts"
	@echo "make lint    style, security, import contracts, dependencies, templates, migrations"
	@echo "make types   mypy, strict"
	@echo "make bench   first measurements, as a table"
	@echo "make screenshots  take the guides' pictures anew, from a demonstration of its own"
	@echo "make sbom    every package of this installation, as CycloneDX: build/sbom.cdx.json"
	@echo "make format  bring code and templates into shape"
	@echo "make messages      bring the catalogues of translations up to date with the pages"
	@echo "make translations  compile them (the commands above do it, too)"
	@echo "make clean   remove caches and build outputs (never your data)"

demo: translations
	@exec $(PY) manage.py up --demo $(ARGS)

up: translations
	@exec $(PY) manage.py up $(ARGS)

# Optional: without it the built-in viewer serves. ARGS="--from FILE" where there is no network.
viewer: $(WORKER_STAMP)
	$(PY) manage.py install_viewer $(ARGS)

install: translations

dev: $(DEV_STAMP) translations

test: $(DEV_STAMP) translations
	$(PY) -m pytest $(ARGS)

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/bandit -q -c pyproject.toml -r archive inference deploy bench manage.py
	$(BIN)/deptry .
	$(if $(TEMPLATES),$(BIN)/djlint $(TEMPLATES) --quiet --check)
	$(if $(TEMPLATES),$(BIN)/djlint $(TEMPLATES) --quiet --lint)
	$(PY) manage.py makemigrations --check --dry-run

types: $(DEV_STAMP)
	$(BIN)/mypy archive inference deploy tests bench manage.py

format: $(DEV_STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(if $(TEMPLATES),$(BIN)/djlint $(TEMPLATES) --quiet --reformat)

bench: $(DEV_STAMP)
	$(PY) -m bench $(ARGS)

# Catalogues (docs/translating.md): what pages say, and what readers of other languages are told.
messages: $(DEV_STAMP)
	$(PY) -m deploy.translations update

translations: $(WORKER_STAMP)
	@$(PY) -m deploy.translations compile

screenshots: $(DEV_STAMP)
	$(PY) -m bench.screenshots $(ARGS)

# The tool has an environment of its own: what is listed is what is installed, and nothing beside.
sbom: $(WORKER_STAMP)
	@test -x build/sbom/bin/cyclonedx-py || { $(PY) -m venv build/sbom && \
		build/sbom/bin/pip --disable-pip-version-check --no-input install -qq cyclonedx-bom==7.5.0; }
	@build/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-file build/sbom.cdx.json $(PY)
	@echo "build/sbom.cdx.json"

clean:
	rm -rf build artifacts .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find archive inference deploy tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@python="$(PYTHON)"; \
	{ test -n "$$python" && "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; } || \
		{ echo "Python 3.11 or newer, with venv, is needed; name one with PYTHON=..."; exit 1; }; \
	echo "$$python -m venv $(VENV)"; "$$python" -m venv $(VENV)

# Torch first and by itself: its index may be another one, and it is by far the largest part.
$(WORKER_STAMP): pyproject.toml constraints.txt | $(PY)
	@echo "Installing into $(VENV) (once; torch is the large part) ..."
	@$(PIP) install -qq -c constraints.txt \
		$(if $(TORCH_INDEX_URL),--extra-index-url $(TORCH_INDEX_URL)) torch==2.13.0
	@$(PIP) install -qq -c constraints.txt -e '.[worker]'
	@touch $@

$(DEV_STAMP): $(WORKER_STAMP)
	@echo "Installing the tools for development into $(VENV) (once) ..."
	@$(PIP) install -qq -c constraints.txt -e '.[worker,dev,fallback-postgres]'
	@touch $@
