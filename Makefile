# `make` lists the targets. Each target installs what it needs once, and again when its lock file has changed.
PYTHON ?= python3
MODEL ?= edge_small
RUN ?= runs/$(MODEL)
# All tests of a file run in the same process, since they share costly fixtures. A process takes up to 2 GB.
PARALLEL = -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Every environment that contains the runtime gets the face detector's models.
DETECTOR = edge/requirements-detector.txt
# Sets on which a model is measured as in everyday use.
MEASURED = $(if $(FACES),--faces "$(FACES)") $(if $(PHOTOS),--photos "$(PHOTOS)")
PAGE = http://127.0.0.1:8470
comma := ,
SYSTEM_PACKAGES = chromium ffmpeg gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good mosquitto mosquitto-clients prometheus python3-gi

.DEFAULT_GOAL := help
.PHONY: help setup-system run demo extras test test-quick fuzz train sheet faces evaluate conditions convert bench bench-peers bench-clips clip lint docs format lock install uninstall wheel dist deb clean

# What the user gives is checked before an environment is made, since one with TensorFlow takes minutes.
BUNDLED_OR_OWN = $(if $(call exists,$(MODEL))$(findstring /,$(MODEL))$(suffix $(MODEL)),$(MODEL),models/$(MODEL).tflite)
ARCHITECTURES = $(filter-out __init__ macs residual,$(basename $(notdir $(wildcard train/models/*.py))))
FACE_DATA = fer2013.csv, a folder tree or a face set
exists = $(shell [ ! -e "$(1)" ] || echo yes)
is_goal = $(filter $(1),$(MAKECMDGOALS))
expect = $(if $(call exists,$($(1))),,$(error $(1): expected $(2), found no such file or folder: $($(1))))
expect_if_given = $(if $($(1)),$(call expect,$(1),$(2)))
need = $(if $($(1)),$(call expect,$(1),$(2)),$(error expected $(1)=path of $(2), found none))

ifneq ($(call is_goal,train sheet),)
    $(call need,DATA,$(FACE_DATA))
endif
ifneq ($(call is_goal,train),)
    $(if $(filter $(MODEL),$(ARCHITECTURES)),,$(error MODEL: expected one of $(ARCHITECTURES), found $(MODEL)))
endif
ifneq ($(call is_goal,faces conditions),)
    $(call need,PHOTOS,a folder of photographs by emotion)
endif
ifneq ($(call is_goal,bench-clips),)
    $(call need,CLIPS,a folder of clips and their references)
endif
ifneq ($(call is_goal,evaluate),)
    $(if $(DATA)$(FACES)$(PHOTOS),,$(error expected FACES=face set, PHOTOS=folder of photographs or DATA=$(FACE_DATA), found none))
endif
ifneq ($(call is_goal,evaluate convert),)
    $(call expect_if_given,DATA,$(FACE_DATA))
    $(call expect_if_given,FACES,a face set)
    $(call expect_if_given,PHOTOS,a folder of photographs by emotion)
endif
ifneq ($(call is_goal,evaluate conditions),)
    $(if $(call exists,$(BUNDLED_OR_OWN)),,$(error MODEL: expected a run's folder, a .keras$(comma) .h5 or .tflite file$(comma) or one of $(sort $(basename $(notdir $(wildcard models/*.tflite))))$(comma) found $(MODEL)))
endif
ifneq ($(and $(call is_goal,convert),$(filter-out file,$(origin MODEL))),)
    $(call expect,MODEL,a run's folder or a checkpoint)
endif

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup-system: ## install the browser, ffmpeg, RTSP server, MQTT broker and promtool for the tests from apt (with sudo)
	apt-get update --quiet
	DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends $(SYSTEM_PACKAGES)

run: .venv/ready ## read the camera or play the bundled clip, and log expressions; SOURCE=… ARGS=…
	@echo "this is .venv/bin/edge-emotion run; with --page it serves the live page, and --help lists all options" >&2
	@.venv/bin/edge-emotion run $(if $(SOURCE),--source "$(SOURCE)") $(ARGS)

demo: .venv/ready ## play the bundled clip again and again, and open the live page
	@[ -z "$$DISPLAY$$WAYLAND_DISPLAY" ] || { for _ in $$(seq 60); do sleep 1; \
	    .venv/bin/python -c 'import socket; socket.create_connection(("127.0.0.1", 8470))' && exec xdg-open $(PAGE); \
	done; } >/dev/null 2>&1 &
	@echo "the live page: $(PAGE); q or Ctrl-C ends it" >&2
	@.venv/bin/edge-emotion run --source edge/assets/demo.mp4 --loop --page $(ARGS)

extras: .venv/ready ## install the packages for --view, small displays and mcp
	@.venv/bin/python -m ensurepip --default-pip >/dev/null
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r edge/requirements-extras.txt
	@.venv/bin/python -m pip uninstall --quiet --quiet --yes setuptools pip # no setuptools since Python 3.12

test: .venv-dev/ready .venv-tflite/ready .venv-dist/ready ## run all tests, with both interpreters
	.venv-dev/bin/python -m pytest $(PARALLEL)
	@if [ -x .venv-tflite/bin/pytest ]; then \
	    echo "the tests that depend on the interpreter, with tflite-runtime:"; \
	    EDGE_EMOTION_INTERPRETER=tflite-runtime \
	        .venv-tflite/bin/python -m pytest $(PARALLEL) -m interpreter tests/edge; \
	else \
	    echo "skipping tflite-runtime: it has no wheel for this Python or machine (the last one is for Python 3.11)"; \
	fi

test-quick: .venv-dev/ready ## run the fast tests of all stages, in about four minutes
	.venv-dev/bin/python -m pytest $(PARALLEL) -m "not slow"

fuzz: .venv-dev/ready .venv-fuzz/ready ## damage inputs for an hour, guided by coverage (docs/reliability.md); TIME=seconds ARGS="--only settings log"
	@PYTHONPATH="$(CURDIR)/.venv-fuzz" .venv-dev/bin/python tests/fuzz $(if $(TIME),--seconds $(TIME)) $(ARGS)

train: .venv-dev/ready ## train a model; DATA=fer2013.csv MODEL=… CLASSES=7|6|5|… EPOCHS=… ARGS="--resume"
	EDGE_EMOTION_MAKE=1 .venv-dev/bin/python -m train --data "$(DATA)" --model $(MODEL) --out $(RUN) \
	    $(if $(CLASSES),--classes "$(CLASSES)") $(if $(EPOCHS),--epochs $(EPOCHS)) $(ARGS)

sheet: .venv-dev/ready ## draw augmented faces for inspection; DATA=fer2013.csv ARGS="--out sheet.png --mixup 0"
	.venv-dev/bin/python -m train.augmentation_sheet --data "$(DATA)" $(ARGS)

faces: .venv-dev/ready ## cut the faces out of photographs, for FACES=; PHOTOS=folder OUT=faces.npz ARGS="--table labels.csv"
	.venv-dev/bin/python -m train.faces "$(PHOTOS)" "$(or $(OUT),faces.npz)" $(ARGS)

evaluate: .venv-dev/ready ## evaluate a model, with report and plots; FACES=faces.npz PHOTOS=folder DATA=fer2013.csv MODEL=models/edge_small.tflite
	.venv-dev/bin/python -m train.evaluate "$(MODEL)" \
	    $(if $(DATA),--data "$(DATA)") $(MEASURED) $(ARGS)

conditions: .venv-dev/ready ## measure the effect of distance, light, noise and blur; PHOTOS=folder MODEL=models/edge_small.tflite
	.venv-dev/bin/python -m train.conditions "$(MODEL)" --photos "$(PHOTOS)" $(ARGS)

convert: .venv-dev/ready .venv-tflite/ready ## convert to verified .tflite models, by default the bundled ones; MODEL=runs/mine DATA=… FACES=… PHOTOS=… CLASSES=5 PRECISION="int8 float32"
	.venv-dev/bin/python -m convert $(if $(filter file,$(origin MODEL)),,"$(MODEL)") $(if $(DATA),--data "$(DATA)") \
	    $(MEASURED) $(if $(CLASSES),--classes "$(CLASSES)") $(if $(PRECISION),--precision $(PRECISION)) $(ARGS)

bench: .venv-dev/ready .venv-tflite/ready ## measure each step, then every figure, on this machine
	.venv-dev/bin/python -m pytest benchmarks
	@if [ -x .venv-tflite/bin/pytest ]; then \
	    EDGE_EMOTION_PEERS_PYTHON=.venv-dev/bin/python EDGE_EMOTION_INTERPRETER=tflite-runtime \
	        .venv-tflite/bin/python -m pytest benchmarks/test_classify.py; \
	fi
	.venv-dev/bin/python -m benchmarks

bench-peers: .venv-dev/ready .venv-peers/ready ## the same, compared with the usual Keras loop and the package fer
	.venv-dev/bin/python -m pytest benchmarks
	.venv-dev/bin/python -m benchmarks --peers

bench-clips: .venv-dev/ready ## measure detection and labels on real clips; CLIPS=folder PHOTOS=folder ARGS="--methods haar"
	.venv-dev/bin/python -m benchmarks.clips "$(CLIPS)" $(if $(PHOTOS),--photos "$(PHOTOS)") $(ARGS)

clip: .venv/ready ## draw the bundled clip again
	.venv/bin/python -m edge.scenes edge/assets/demo.mp4

lint: .venv-dev/ready ## check style and types
	.venv-dev/bin/ruff check .
	.venv-dev/bin/ruff format --check .
	.venv-dev/bin/hadolint Dockerfile
	.venv-dev/bin/mypy

docs: .venv-dev/ready ## build the documentation as a site: build/site
	@.ci/docs

format: .venv-dev/ready ## format the code
	.venv-dev/bin/ruff check --fix .
	.venv-dev/bin/ruff format .

lock: .venv-dev/ready ## update the lock files from pyproject.toml
	PATH="$(CURDIR)/.venv-dev/bin:$$PATH" .ci/lock

install: ## install or upgrade the service on this machine (with sudo); ARGS="--dry-run"
	@systemd/install.sh $(ARGS)

uninstall: ## remove the service, keep configuration and logs (with sudo); ARGS="--purge"
	@systemd/uninstall.sh $(ARGS)

wheel: .venv-dist/ready ## build the wheel and the source archive for pip, pipx and uvx
	@systemd/release/wheel.sh

dist: .venv-dist/ready ## build the release archive, which installs without a network; MACHINE=aarch64|x86_64
	@MACHINE="$(MACHINE)" systemd/release/archive.sh

deb: .venv-dist/ready ## build the Debian package, which installs without a network; MACHINE=aarch64|x86_64
	@MACHINE="$(MACHINE)" systemd/debian/build.sh

.PHONY: test-pi-user test-pi-vm
test-pi-user: .venv/ready ## run tests, golden run and instruction budget on emulated aarch64 (docs/emulated-pi.md)
	@tests/pi/user

test-pi-vm: .venv/ready .venv-dist/ready ## install and test the service in an emulated Pi (with sudo; docs/emulated-pi.md)
	@tests/pi/vm

.PHONY: test-homeassistant
test-homeassistant: .venv-dev/ready ## check discovery, history and automations with a real Home Assistant (docs/homeassistant.md); ARGS="--only crash"
	@.venv-dev/bin/python tests/homeassistant $(ARGS)

.PHONY: soak
soak: .venv-dev/ready ## simulate a week with people and faults, in about a quarter of an hour (docs/reliability.md); ARGS="--days 2 --seed 3"
	@.venv-dev/bin/python tests/soak $(ARGS)

clean: ## remove the Python environments
	rm -rf .venv .venv-dev .venv-tflite .venv-peers .venv-dist .venv-fuzz

# An environment whose Python has changed, for example in a system upgrade, is rebuilt.
.SECONDEXPANSION:
.PHONY: stale
stale = $(shell [ ! -e $(1)/pyvenv.cfg ] || \
    $(1)/bin/python -c 'import os, sys; sys.exit(not os.path.isdir("%s/lib/python%d.%d" % (sys.prefix, *sys.version_info[:2])))' \
    2>/dev/null || echo stale)

# An environment that was made before apt's picamera2 was installed is rebuilt, so that the Pi's camera is found.
has_picamera = $(shell $(PYTHON) -c 'import importlib.util as u; print("yes" if u.find_spec("picamera2") else "")')
sees_no_picamera = $(if $(shell grep -s "include-system-site-packages = false" .venv/pyvenv.cfg),$(if $(has_picamera),stale))

# The runtime alone. The environment uses apt's picamera2 if it is installed. The locked numpy is apt's own version, since
# a newer one in the environment breaks picamera2.
.venv/ready: edge/requirements.txt $(DETECTOR) pyproject.toml $$(call stale,.venv) $$(sees_no_picamera)
	@$(call new_environment,.venv,$(if $(has_picamera),--system-site-packages))
	@$(call install,.venv,edge/requirements.txt)
	@.venv/bin/pip uninstall --quiet --yes setuptools pip # 25 MB that the runtime does not need

# All stages: training, conversion, tests, lint.
.venv-dev/ready: tests/requirements.txt $(DETECTOR) pyproject.toml $$(call stale,.venv-dev)
	@$(call new_environment,.venv-dev,)
	@$(call install,.venv-dev,tests/requirements.txt)

# The runtime on tflite-runtime, which needs an older numpy and has no wheel for Python 3.12 and later.
.venv-tflite/ready: tests/requirements-tflite.txt $(DETECTOR) pyproject.toml $$(call stale,.venv-tflite)
	@if $(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] > (3, 11))'; then \
	    $(call new_environment,.venv-tflite,) && $(call install,.venv-tflite,tests/requirements-tflite.txt); \
	else \
	    mkdir -p .venv-tflite && touch $@; \
	fi

# The tools that build the release archive and the wheel, which contains the detector's models.
.venv-dist/ready: systemd/release/requirements.txt $(DETECTOR) $$(call stale,.venv-dist)
	@$(call new_environment,.venv-dist,)
	@.venv-dist/bin/pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r $< -r $(DETECTOR)
	@touch $@

# The fuzzer, beside the environment of all stages.
.venv-fuzz/ready: tests/fuzz/requirements.txt .venv-dev/ready
	@rm -rf .venv-fuzz && mkdir .venv-fuzz
	@.venv-dev/bin/pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes \
	    --target .venv-fuzz -r $<
	@touch $@

# The package fer and its dependencies; the usual loop needs Keras.
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

# --no-deps: the locks are complete, and the detector's package declares TensorFlow, which the runtime does not need.
define install
$(1)/bin/pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r $(2) -r $(DETECTOR) && \
$(1)/bin/pip install --quiet --disable-pip-version-check --no-compile --no-deps --no-build-isolation --editable . && \
touch $(1)/ready
endef
