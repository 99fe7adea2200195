# Bare `make` lists the targets. Each one installs what it needs, once; a changed lock installs again.
PYTHON ?= python3
MODEL ?= edge_small
RUN ?= runs/$(MODEL)
SYSTEM_PACKAGES = chromium mosquitto mosquitto-clients prometheus

.DEFAULT_GOAL := help
.PHONY: help setup-system run extras test train sheet evaluate conditions convert bench bench-peers clip lint format lock install uninstall dist deb clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup-system: ## with sudo: what some tests need from apt: a browser, an MQTT broker, promtool
	apt-get update --quiet
	DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends $(SYSTEM_PACKAGES)

run: .venv/ready ## read the camera (or play the clip) and log expressions; SOURCE=… ARGS=…
	@.venv/bin/edge-emotion run $(if $(SOURCE),--source "$(SOURCE)") $(ARGS)

extras: .venv/ready ## what --view and small displays need, beside the runtime
	@.venv/bin/python -m ensurepip --default-pip >/dev/null
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r edge/requirements-extras.txt
	@.venv/bin/python -m pip uninstall --quiet --yes setuptools pip

test: .venv-dev/ready .venv-tflite/ready .venv-dist/ready ## install what the tests need and run them, with both interpreters
	.venv-dev/bin/python -m pytest
	@if [ -x .venv-tflite/bin/pytest ]; then \
	    echo "the edge tests again, with tflite-runtime:"; \
	    EDGE_EMOTION_INTERPRETER=tflite-runtime .venv-tflite/bin/python -m pytest tests/edge; \
	else \
	    echo "not run with tflite-runtime: it has no wheel for this Python or machine (it ended at Python 3.11)"; \
	fi

train: .venv-dev/ready ## train a model; DATA=fer2013.csv MODEL=… CLASSES=7|6|5|… EPOCHS=… ARGS="--resume"
	@$(if $(DATA),,$(error expected DATA=path of fer2013.csv or of a folder tree, found none))true
	.venv-dev/bin/python -m train --data "$(DATA)" --model $(MODEL) --out $(RUN) \
	    $(if $(CLASSES),--classes "$(CLASSES)") $(if $(EPOCHS),--epochs $(EPOCHS)) $(ARGS)

sheet: .venv-dev/ready ## draw augmented faces, to look at them; DATA=fer2013.csv ARGS="--out sheet.png --mixup 0"
	@$(if $(DATA),,$(error expected DATA=path of fer2013.csv or of a folder tree, found none))true
	.venv-dev/bin/python -m train.sheet --data "$(DATA)" $(ARGS)

evaluate: .venv-dev/ready ## report on a model, with plots; DATA=fer2013.csv MODEL=models/edge_small.tflite ARGS="--photos FOLDER"
	@$(if $(DATA),,$(error expected DATA=path of fer2013.csv or of a folder tree, found none))true
	.venv-dev/bin/python -m train.evaluate "$(if $(wildcard $(MODEL))$(findstring /,$(MODEL))$(suffix $(MODEL)),$(MODEL),models/$(MODEL).tflite)" --data "$(DATA)" $(ARGS)

conditions: .venv-dev/ready ## what distance, light, noise and blur do to the answers; PHOTOS=folder MODEL=models/edge_small.tflite
	@$(if $(PHOTOS),,$(error expected PHOTOS=folder of photographs by emotion, found none))true
	.venv-dev/bin/python -m train.conditions "$(if $(findstring /,$(MODEL)),$(MODEL),models/$(MODEL).tflite)" --photos "$(PHOTOS)" $(ARGS)

convert: .venv-dev/ready .venv-tflite/ready ## make verified models of what ships; MODEL=runs/mine CLASSES=5 PRECISION="int8 float32" DATA=…
	.venv-dev/bin/python -m convert $(if $(filter file,$(origin MODEL)),,"$(MODEL)") $(if $(DATA),--data "$(DATA)") \
	    $(if $(CLASSES),--classes "$(CLASSES)") $(if $(PRECISION),--precision $(PRECISION)) $(ARGS)

bench: .venv-dev/ready .venv-tflite/ready ## measure each step, then every figure, for this machine
	.venv-dev/bin/python -m pytest benchmarks
	@if [ -x .venv-tflite/bin/pytest ]; then \
	    EDGE_EMOTION_PEERS_PYTHON=.venv-dev/bin/python EDGE_EMOTION_INTERPRETER=tflite-runtime \
	        .venv-tflite/bin/python -m pytest benchmarks/test_classify.py; \
	fi
	.venv-dev/bin/python -m benchmarks

bench-peers: .venv-dev/ready .venv-peers/ready ## the same, with the usual Keras loop and the package fer
	.venv-dev/bin/python -m pytest benchmarks
	.venv-dev/bin/python -m benchmarks --peers

clip: .venv/ready ## draw the clip that ships again
	.venv/bin/python -m edge.scenes edge/assets/demo.mp4

lint: .venv-dev/ready ## check style and types
	.venv-dev/bin/ruff check .
	.venv-dev/bin/ruff format --check .
	.venv-dev/bin/mypy

format: .venv-dev/ready ## put the code into the house's format
	.venv-dev/bin/ruff check --fix .
	.venv-dev/bin/ruff format .

lock: .venv-dev/ready ## write the lock files again, from pyproject.toml
	PATH="$(CURDIR)/.venv-dev/bin:$$PATH" .ci/lock

install: ## install the service on this machine, or upgrade it (with sudo); ARGS="--dry-run"
	@systemd/install.sh $(ARGS)

uninstall: ## remove the service, but not its configuration and logs (with sudo); ARGS="--purge"
	@systemd/uninstall.sh $(ARGS)

dist: .venv-dist/ready ## make the release archive, which installs without a network; MACHINE=aarch64|x86_64
	@MACHINE="$(MACHINE)" systemd/release/archive.sh

deb: .venv-dist/ready ## make the Debian package, likewise; MACHINE=aarch64|x86_64
	@MACHINE="$(MACHINE)" systemd/debian/build.sh

.PHONY: test-pi-user test-pi-vm
test-pi-user: .venv/ready ## tests, golden answers, instruction budget on emulated aarch64 (docs/emulated-pi.md)
	@tests/pi/user

test-pi-vm: .venv/ready .venv-dist/ready ## the appliance, installed and run in an emulated Pi (with sudo; docs/emulated-pi.md)
	@tests/pi/vm

clean: ## remove the environments
	rm -rf .venv .venv-dev .venv-tflite .venv-peers .venv-dist

# An environment whose Python has become another one, as by an upgrade of the system, is made again.
.SECONDEXPANSION:
.PHONY: stale
stale = $(shell [ ! -e $(1)/pyvenv.cfg ] || \
    $(1)/bin/python -c 'import os, sys; sys.exit(not os.path.isdir("%s/lib/python%d.%d" % (sys.prefix, *sys.version_info[:2])))' \
    2>/dev/null || echo stale)

# The runtime alone. Where apt's picamera2 is, the environment sees it; the lock's numpy is apt's own version, so that
# apt's stays in use (a newer one beside it breaks picamera2).
.venv/ready: edge/requirements.txt pyproject.toml $$(call stale,.venv)
	@$(call new_environment,.venv,$(shell $(PYTHON) -c 'import importlib.util as u; print("--system-site-packages" if u.find_spec("picamera2") else "")'))
	@$(call install,.venv,edge/requirements.txt)
	@.venv/bin/pip uninstall --quiet --yes setuptools pip # 25 MB that a device does not need to run

# All stages: training, conversion, tests, lint.
.venv-dev/ready: tests/requirements.txt pyproject.toml $$(call stale,.venv-dev)
	@$(call new_environment,.venv-dev,)
	@$(call install,.venv-dev,tests/requirements.txt)

# The edge alone on tflite-runtime, which needs an older numpy and has no wheel for Python 3.12 and later.
.venv-tflite/ready: tests/requirements-tflite.txt pyproject.toml $$(call stale,.venv-tflite)
	@if $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] > (3, 11))'; then \
	    $(call new_environment,.venv-tflite,) && $(call install,.venv-tflite,tests/requirements-tflite.txt); \
	else \
	    mkdir -p .venv-tflite && touch $@; \
	fi

# What makes the release archive.
.venv-dist/ready: systemd/release/requirements.txt $$(call stale,.venv-dist)
	@$(call new_environment,.venv-dist,)
	@.venv-dist/bin/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $<
	@touch $@

# The package fer and what it is measured with; the usual loop needs Keras.
.venv-peers/ready: benchmarks/requirements.txt benchmarks/requirements-fer.txt $$(call stale,.venv-peers)
	@$(call new_environment,.venv-peers,)
	@for list in requirements requirements-fer; do \
	    .venv-peers/bin/pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes \
	        -r benchmarks/$$list.txt || exit 1; \
	done
	@touch $@

define new_environment
echo "making $(1) (once)…" && rm -rf $(1) && \
$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] <= (3, 13) else f"expected Python 3.11 to 3.13, found {v[0]}.{v[1]}: name another one with make PYTHON=python3.13")' && \
$(PYTHON) -c 'import sys; sys.exit(0 if sys.maxsize > 2**32 else "expected a 64-bit system, found a 32-bit one: install Raspberry Pi OS (64-bit)")' && \
{ $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "expected Python with venv, found it without: sudo apt install python3-venv"; exit 1; }; } && \
$(PYTHON) -m venv $(2) $(1)
endef

define install
$(1)/bin/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $(2) && \
$(1)/bin/pip install --quiet --disable-pip-version-check --no-compile --no-deps --no-build-isolation --editable . && \
touch $(1)/ready
endef
