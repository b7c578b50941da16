# Everything needs only Python 3.11, a C++ compiler, make and perl; the first target run sets up .venv.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
L1 := $(BIN)/l1forge
READY := $(VENV)/.ready
OTHER_MODELS := tau_id eg_iso event_bdt muon_pt_small

export PATH := $(abspath $(BIN)):$(PATH)
export L1FORGE_CACHE ?= $(CURDIR)/.cache

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@echo "setting up $(VENV) (about two minutes, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	  || { echo "error: $(PYTHON) is not Python 3.11; set PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check setuptools==80.9.0 wheel
	@$(BIN)/python -m pip install -qq --disable-pip-version-check \
	  --only-binary pythia8mc,fastjet,pyosys -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: $(READY) ## create the pinned environment in .venv

.PHONY: demo
demo: $(READY) ## events through the anomaly trigger, firmware written and proven equal
	@$(L1) demo

.PHONY: test
test: $(READY) ## the whole test suite
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

.PHONY: lint
lint: $(READY) ## ruff and strict type checks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

.PHONY: data
data: $(READY) ## regenerate the committed event sample from its seed
	@$(L1) simulate --sample

.PHONY: train
train: $(READY) ## train the VAE again from its seed
	@$(L1) train vae

.PHONY: rates
rates: $(READY) ## VAE score: rate against threshold, efficiency per signal
	@$(L1) rates vae --output build/rates/vae

.PHONY: firmware
firmware: $(READY) ## write and check the HLS and Verilog projects of the VAE
	@$(L1) firmware vae

.PHONY: cosim
cosim: firmware ## co-verify every model: 1 M crossings of the VAE, 100 k of every other
	@$(L1) cosim vae -n 1000000
	@set -e; for model in $(OTHER_MODELS); do $(L1) cosim $$model -n 100000; done
	@$(L1) cosim-muons -n 100000

.PHONY: cosim-deep
cosim-deep: $(READY) ## 50 M crossings of the VAE through the compiled Verilog
	@$(L1) cosim vae --deep

.PHONY: fuzz
N ?= 200
SEED ?= 1
fuzz: $(READY) ## N random networks against hls4ml's compiled C++ (N=2000 for the full run)
	@$(L1) fuzz -n $(N) --json build/fuzz/summary.json

.PHONY: mutations
mutations: $(READY) ## N damaged variations of each kind of file (seed SEED), each refused in one line or read
	@$(BIN)/python tests/mutations/campaign.py -n $(N) --seed $(SEED)

.PHONY: synth
synth: $(READY) ## synthesise the VAE Verilog (Yosys, or the vendor tool when on PATH)
	@$(L1) synth vae

.PHONY: path
path: $(READY) ## stream 20000 LHC orbits (1.8 s) of zero bias through the whole trigger path
	@$(L1) path --orbits 20000

.PHONY: clean
clean: ## remove what the tools wrote (not .venv)
	rm -rf build hls_projects/*/ .cache

.PHONY: simulation-report
simulation-report: $(READY) ## rates of the committed sample against published ones: table and plots
	@$(BIN)/python -m l1forge.simulation.rate_comparison

.PHONY: bench
bench: $(READY) ## speed against hls4ml, alkaid, conifer, ONNX Runtime, QKeras, NumPy and the machine
	@$(L1) bench

.PHONY: ghdl
ghdl: $(READY) ## fetch GHDL into .cache where it is not installed (no root needed)
	@$(BIN)/python -m l1forge.firmware.tools.ghdl

.PHONY: muon-report
muon-report: $(READY) ## muon pT: table, figures and JSON of docs/muon.md
	@$(L1) evaluate muon_pt -n 1000000 -o docs/figures --docs docs/muon.md

.PHONY: cosim-muons
cosim-muons: $(READY) ## 100k muons: patterns and networks, emulator = HLS C++ = RTL
	@$(L1) cosim-muons -n 100000

.PHONY: firmware-trees
firmware-trees: $(READY) ## write conifer's HLS, VHDL and C++ projects of the BDTs, check its C++
	@set -e; for model in tau_id eg_iso event_bdt; do $(L1) firmware $$model; done

.PHONY: fidelity
fidelity: $(READY) ## trained networks against their graphs, types from data: tables and figures of docs/fidelity.md
	@$(BIN)/python -m l1forge.benchmarks.fidelity
