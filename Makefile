# Two commands are all: `make run` opens the quickstart, `make test` proves everything.
# Both set up what they need, work as root, ask nothing, and set up nothing twice.
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 8888
ARGS ?=
BIN := .venv/bin

.PHONY: install run test unit lint format notebooks bench lock clean scenarios chaos

install: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml lobu_jupyter/labextension/bundle.json
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

# JupyterLab on the quickstart; the address with its token is printed.
run: install
	$(BIN)/jupyter lab --allow-root --no-browser --port=$(PORT) \
	  --LabApp.default_url=/lab/tree/notebooks/01-quickstart.ipynb $(ARGS)

# Lanes, two at a time for two cores, the longest first; what measures, by itself.
test: install tests/agui/node_modules/.installed tests/agui/clients/node_modules/.installed browser postgres ripgrep forget hub-installed
	$(MAKE) --jobs=2 --output-sync=target lint frontend
	$(BIN)/python -m pytest $(MEASURE)
	$(BIN)/python -m pytest $(BOOT)
	$(MAKE) --jobs=2 --keep-going --output-sync=target test-pages test-rest test-servers test-panel test-notebooks

SERVERS := tests/scenarios tests/server tests/outside tests/gateways
MEASURE := tests/bench tests/chaos
ENVIRONMENTS := tests/environments tests/rooms
BOOT := tests/browser/test_boot_time.py
PANEL := $(wildcard tests/browser/test_panel*.py) $(patsubst %,tests/browser/test_%.py,notebook_edits outside_agents proxy streaming)

.PHONY: test-pages test-rest test-servers test-panel test-notebooks
test-servers:
	$(BIN)/python -m pytest $(SERVERS) tests/test_every_journal.py

test-rest:
	$(BIN)/python -m pytest tests $(addprefix --ignore=,$(SERVERS) $(MEASURE) $(ENVIRONMENTS) tests/browser)

test-panel:
	$(BIN)/python -m pytest $(PANEL) tests/test_every_journal.py

test-pages:
	$(BIN)/python -m pytest tests/browser $(addprefix --ignore=,$(PANEL) $(BOOT)) tests/test_every_journal.py

test-notebooks:
	$(BIN)/python -m pytest --nbval --nbval-sanitize-with notebooks/sanitize.cfg -p no:cacheprovider -p tests.ports -p tests.starts notebooks
	$(BIN)/python -m pytest --lobu -p no:cacheprovider examples/ci

# The wheel in fresh environments: oldest and newest versions, each Python that is here (docs/environments.md).
.PHONY: test-environments
test-environments: install browser
	$(BIN)/python -m pytest tests/environments -rA

# Notebooks that people share live (jupyter-collaboration, in an environment of its own: it would change every JupyterLab).
.PHONY: test-rooms
test-rooms: install browser .venv-rooms/.installed
	.venv-rooms/bin/python -m pytest tests/server/test_rooms.py -rA $(ARGS)
	.venv-rooms/bin/python -m pytest tests/rooms -rA $(ARGS)

.venv-rooms/.installed: requirements.lock | install
	test -x .venv-rooms/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-rooms
	$(BIN)/uv pip install --quiet --python .venv-rooms/bin/python --require-hashes --requirement requirements.lock
	$(BIN)/uv pip install --quiet --python .venv-rooms/bin/python "jupyter-collaboration>=5,<6"
	$(BIN)/uv pip install --quiet --python .venv-rooms/bin/python --no-deps --editable .
	touch $@

# Kernels without IPython: bash (also in `make test`), xeus-python and R, which is Debian's.
.PHONY: test-languages
test-languages: install .venv-languages/.installed
	OTHER_KERNELS=$(CURDIR)/.venv-languages/share/jupyter/kernels $(BIN)/python -m pytest tests/worker/kernel/test_plain.py -rA $(ARGS)

.venv-languages/.installed: | install
	test -x .venv-languages/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-languages
	$(BIN)/uv pip install --quiet --python .venv-languages/bin/python xeus-python
	@test -d /usr/share/jupyter/kernels/ir || { echo "installing R for the tests of kernels"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends r-cran-irkernel >/dev/null; }
	cp -r /usr/share/jupyter/kernels/ir .venv-languages/share/jupyter/kernels/
	sed -i 's#"python3[.0-9]*"#"$(CURDIR)/.venv-languages/bin/python"#' .venv-languages/share/jupyter/kernels/xpython/kernel.json
	touch $@

# Kernels behind a Kernel Gateway and an Enterprise Gateway (in an environment of its own: jupyter_client below 7).
.PHONY: test-gateway
test-gateway: install .venv-enterprise/.installed
	ENTERPRISE_GATEWAY=$(CURDIR)/.venv-enterprise/bin/jupyter-enterprisegateway \
	  $(BIN)/python -m pytest tests/gateways --durations=10 $(ARGS)

.venv-enterprise/.installed: tests/gateways/enterprise.txt | install
	test -x .venv-enterprise/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-enterprise
	$(BIN)/uv pip install --quiet --python .venv-enterprise/bin/python --requirement tests/gateways/enterprise.txt
	touch $@

# A real JupyterHub on loopback with its proxy from npm (in an environment of its own), and a person's server (part of it
# also in `make test`). HUB=5: on JupyterHub 5.
HUB ?= 6
HUB_ENVIRONMENT := .venv-hub$(filter-out 6,$(HUB))
.PHONY: test-hub hub-installed
test-hub: install postgres browser hub-installed $(HUB_ENVIRONMENT)/.installed
	WHOLE_HUB=1 LOBU_TEST_HUB=$(HUB_ENVIRONMENT) $(BIN)/python -m pytest tests/hub --durations=10 $(ARGS)
	WHOLE_HUB=1 LOBU_TEST_HUB=$(HUB_ENVIRONMENT) $(BIN)/python -m pytest tests/browser/test_real_hub.py $(ARGS)

# A hub to try, with PostgreSQL, the lobu service and two people, on loopback until Ctrl+C (docs/hub.md).
.PHONY: hub
hub: install postgres hub-installed
	$(BIN)/python -m tests.hub.serve

hub-installed: .venv-hub/.installed tests/hub/node_modules/.installed

.venv-hub/.installed: tests/hub/requirements.txt requirements.lock pyproject.toml | install
	test -x .venv-hub/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-hub
	$(BIN)/uv pip install --quiet --python .venv-hub/bin/python --constraint requirements.lock \
	  --requirement tests/hub/requirements.txt --editable ".[postgres]"
	touch $@

# The lock, but for JupyterHub itself.
.venv-hub5/.installed: tests/hub/requirements.txt requirements.lock pyproject.toml | install
	test -x .venv-hub5/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-hub5
	grep -E '^[a-z0-9]' requirements.lock | grep -v '^jupyterhub==' | tr -d '\\' > .venv-hub5/constraints.txt
	grep -v '^jupyterhub==' tests/hub/requirements.txt > .venv-hub5/requirements.txt
	$(BIN)/uv pip install --quiet --python .venv-hub5/bin/python --constraint .venv-hub5/constraints.txt \
	  --requirement .venv-hub5/requirements.txt "jupyterhub>=5,<6" --editable ".[postgres]"
	touch $@

tests/hub/node_modules/.installed: tests/hub/package-lock.json
	cd tests/hub && npm ci --silent --no-audit --no-fund
	touch $@

# What starts no process: no server, kernel, browser or PostgreSQL. Fails over its budget of CPU time (tests/unit.py).
UNIT := $(addprefix tests/,model store gateway contract client agents properties vectors test_house.py)
unit: install
	$(BIN)/python -m pytest --unit $(UNIT) $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python docs/check_prose.py

# The front end's own checks: tsc, eslint, prettier, jest; and that the bundle in the tree is of these sources.
.PHONY: frontend bundle
frontend: labextension/node_modules/.installed
	$(BIN)/python labextension/check_bundle.py
	cd labextension && PATH="$(CURDIR)/$(BIN):$$PATH" jlpm run check

# Build the front end's bundle; commit what it changes.
bundle: labextension/node_modules/.installed
	cd labextension && PATH="$(CURDIR)/$(BIN):$$PATH" jlpm run build

labextension/node_modules/.installed: labextension/yarn.lock labextension/package.json | install
	cd labextension && PATH="$(CURDIR)/$(BIN):$$PATH" jlpm install --immutable >/dev/null
	touch $@

# Outcomes of earlier sessions, which `make scenarios` reads.
.PHONY: forget
forget:
	rm -rf .outcomes

# Which tests prove which scenario, and what they came to when they last ran; fails if a row is not proved.
scenarios: install
	$(BIN)/python -m tests.list_scenarios

# Seeded faults against real servers, kernels and workers, half an hour of them: make chaos ARGS="--seeds 1 --first 7".
# STORE=postgres: in PostgreSQL, which is killed, restarted, frozen, cut off and locked too.
chaos: install postgres
	STORE=$(STORE) $(BIN)/python -m tests.chaos $(ARGS)

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The saved outputs of the example notebooks, made anew.
notebooks: install
	$(BIN)/python notebooks/regenerate.py

# The pictures in docs/images, made anew: all, or make screenshots ONLY="waiting done".
.PHONY: screenshots
screenshots: install browser
	$(BIN)/python -m docs.screenshots $(ONLY)

# What fast means, measured (docs/performance.md): all, or make bench ONLY=B1,B5.
bench: install browser
	$(BIN)/python -m bench --only "$(ONLY)"

# Thirty small tasks, driven through the product with written answers: tokens, approvals, time. With LOBU_TEST_MODEL_URL
# with a real model. make tasks ARGS="cell-run group-sum", or ARGS=--record
.PHONY: tasks test-model
tasks: install
	$(BIN)/python -m bench.tasks $(ARGS)

# The assistant with a real model, at LOBU_TEST_MODEL_URL (llama.cpp's server, or any that speaks OpenAI's chat
# completions). Opt-in: without the variable it says what to set, and fails.
test-model: install
	$(BIN)/python -m tests.real_model

# The documentation site, as Read the Docs builds it: docs/_build/html/index.html.
.PHONY: docs
docs: install
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

# Names, versions and hashes: all that `make install` installs, and apart from it what users run.
# Versions stay as they are unless ARGS=--upgrade, or --upgrade-package NAME.
LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-annotate --no-header --python-version 3.11
lock: install
	$(LOCK) --group dev pyproject.toml $(ARGS) --output-file requirements.lock
	$(LOCK) --all-extras pyproject.toml --constraint requirements.lock --output-file requirements-runtime.lock

# Known advisories against what users run; needs a network that reaches the advisories' service.
.PHONY: audit
audit: install
	$(BIN)/uv tool run pip-audit --require-hashes --disable-pip --requirement requirements-runtime.lock

.PHONY: browser
browser:
	@command -v chromium >/dev/null || { echo "installing chromium for the browser tests"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; }

.PHONY: postgres
postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { echo "installing postgresql for the tests"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null; } || true
	@ls /usr/sbin/pgbouncer >/dev/null 2>&1 || command -v pgbouncer >/dev/null || { echo "installing pgbouncer for the tests"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq pgbouncer >/dev/null; } || true

.PHONY: ripgrep
ripgrep:
	@command -v rg >/dev/null || { echo "installing ripgrep for the tests"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq ripgrep >/dev/null; } || true

# The laws on PostgreSQL: a private one on loopback, or that of LOBU_TEST_POSTGRES=postgresql://….
.PHONY: test-postgres
test-postgres: install postgres
	$(BIN)/python -m pytest --store postgres tests/contract tests/gateway tests/properties tests/store tests/tenancy tests/chaos/test_database.py $(ARGS)

# The unmodified AG-UI client, for the conformance tests.
tests/agui/node_modules/.installed: tests/agui/package-lock.json
	cd tests/agui && npm ci --silent --no-audit --no-fund
	touch $@

# CopilotKit's core and assistant-ui's AG-UI runtime (114 MB), unmodified too.
tests/agui/clients/node_modules/.installed: tests/agui/clients/package-lock.json
	cd tests/agui/clients && npm ci --silent --no-audit --no-fund
	touch $@

# Claude Code, Codex and opencode from npm (some 2 GB; the newest come with their node 22) under our laws, their
# model on loopback. Opt-in.
.PHONY: test-agents
test-agents: tests/outside/node_modules/.installed tests/outside/newest/node_modules/.installed
	OUTSIDE_AGENTS=1 $(BIN)/python -m pytest tests/outside $(ARGS)

tests/outside/node_modules/.installed: tests/outside/package.json | install
	cd tests/outside && npm install --silent --no-audit --no-fund --no-package-lock
	touch $@

tests/outside/newest/node_modules/.installed: tests/outside/newest/package.json | install
	cd tests/outside/newest && npm install --silent --no-audit --no-fund --no-package-lock
	touch $@

clean:
	rm -rf .venv .venv-rooms .venv-enterprise .venv-hub .venv-hub5 .venv-languages tests/hub/node_modules tests/agui/node_modules tests/agui/clients/node_modules tests/outside/node_modules tests/outside/newest/node_modules labextension/node_modules
