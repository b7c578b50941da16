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
JET_TAGGERS := jet_tagger jet_tagger_ternary jet_tagger_binary
OTHER_MODELS := tail_pairs vae_dense tau_id eg_iso event_bdt muon_pt_small muon_trees calorimeter $(JET_TAGGERS)

export PATH := $(abspath $(BIN)):$(PATH)
export L1FORGE_CACHE ?= $(CURDIR)/.cache

.PHONY: help
help: ## start: list the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' ' \
	  BEGIN { n = split("start study models firmware checks project", order, " "); \
	    title["start"] = "Start"; title["study"] = "Study a trigger"; title["models"] = "Train and evaluate models"; \
	    title["firmware"] = "Write and synthesise firmware"; title["checks"] = "Check that it is exact, and how fast"; \
	    title["project"] = "Work on l1forge" } \
	  { group = $$2; sub(/: .*/, "", group); text = $$2; \
	    if (group in title) sub(/^[a-z]+: /, "", text); else group = "project"; \
	    lines[group] = lines[group] sprintf("  %-18s %s\n", $$1, text) } \
	  END { for (i = 1; i <= n; i++) printf "%s%s\n%s", (i > 1 ? "\n" : ""), title[order[i]], lines[order[i]]; \
	    print "\nMenus and files: see l1forge menu --help and l1forge convert --help" }'

$(READY): requirements.lock pyproject.toml
	@echo "setting up $(VENV) (about two minutes, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	  || { echo "error: $(PYTHON) is not Python 3.11; set PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check setuptools==80.9.0 setuptools-scm==10.3.4 wheel
	@$(BIN)/python -m pip install -qq --disable-pip-version-check \
	  --only-binary pythia8mc,fastjet,pyosys -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: $(READY) ## start: create the pinned environment in .venv

.PHONY: demo
demo: $(READY) ## start: events through the anomaly trigger, firmware written and proven equal
	@$(L1) demo

.PHONY: test
test: $(READY) ## project: the whole test suite
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

.PHONY: lint
lint: $(READY) ## project: style, types of all packages, and which room may import which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

.PHONY: docs
docs: $(READY) ## project: the documentation site in build/site; warnings are errors
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "open build/site/index.html; searching needs a server: $(BIN)/python -m http.server -d build/site"

.PHONY: notebooks
notebooks: $(READY) ## project: run every notebook in examples/; one that fails ends with an error
	@set -e; for book in examples/*.ipynb; do $(BIN)/jupyter-execute --kernel_name=python3 $$book; done

.PHONY: house
house: $(READY) ## project: the drawing of the rooms and their imports in docs/architecture.md
	@$(BIN)/python docs/tools/draw_house.py

.PHONY: wheels
wheels: $(READY) ## project: download all that the container is built of into build/wheels
	@$(BIN)/python -m pip wheel -q --only-binary pythia8mc,fastjet,pyosys -w build/wheels -r requirements.lock
	@$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation -w build/wheels .

.PHONY: container
CONTAINER ?= $(shell command -v podman || command -v docker)
container: ## project: build the container from build/wheels, without network
	@test -n "$(CONTAINER)" || { echo "error: neither podman nor docker is installed"; exit 2; }
	@$(CONTAINER) build --network=none -t l1forge -f Containerfile .

.PHONY: whole-way
whole-way: $(READY) ## project: a user's own model from scaffold to exports, and three faults that verify must notice
	@$(BIN)/python tests/base/whole_way.py

.PHONY: test-base
test-base: $(READY) ## project: all commands of the installed wheel without extras, beside folders models/ and emulator/
	@$(BIN)/python tests/base/check.py

.PHONY: test-lowest
test-lowest: $(READY) ## project: the emulator's tests with the lowest releases that pyproject.toml allows
	@$(BIN)/python tests/base/releases.py lowest

.PHONY: test-newest
test-newest: $(READY) ## project: the emulator's tests with the newest releases, on PYTHON_NEWEST (python3.13)
	@$(BIN)/python tests/base/releases.py newest

.PHONY: test-browser
test-browser: $(READY) ## project: the pages of studies in a headless Chromium (Debian: apt install chromium)
	@$(BIN)/python -m pytest -q tests/browser/pages.py

.PHONY: data
data: $(READY) ## study: regenerate the committed event sample from its seed
	@$(L1) simulate --sample

.PHONY: data-jets
data-jets: $(READY) ## study: regenerate the committed jets of five classes from their seed (7 minutes on one core)
	@$(L1) simulate --sample --jets

.PHONY: weighted-data
weighted-data: $(READY) ## study: regenerate the weighted zero-bias sample and its table (about an hour on one core)
	@$(L1) simulate --sample --weighted
	@$(BIN)/python -m l1forge.studies.weighted_check

.PHONY: data-calorimeter
data-calorimeter: $(READY) ## study: regenerate the committed calorimeter images (30 minutes on one core)
	@$(L1) simulate --sample --images

.PHONY: train
train: $(READY) ## models: train the VAE again from its seed
	@$(L1) train vae

.PHONY: anomaly
anomaly: $(READY) ## models: count the tail pairs, train the VAE, compare both with all baselines: docs/vae.md
	@$(L1) train tail_pairs
	@$(L1) train vae
	@$(L1) evaluate anomaly -o build/anomaly

.PHONY: calorimeter
calorimeter: $(READY) ## models: train on calorimeter images, compare with baselines and the VAE: docs/calorimeter.md
	@$(L1) train calorimeter
	@$(L1) evaluate calorimeter -o build/calorimeter --docs docs/calorimeter.md
	@cp build/calorimeter/*.png docs/figures/

.PHONY: jets
jets: $(READY) ## models: train the jet taggers, five seeds each, compare them: docs/jets.md
	@set -e; for model in $(JET_TAGGERS); do $(L1) train $$model; done
	@$(L1) evaluate jet_tagger -o docs/figures --docs docs/jets.md

# weighted where it was made (make weighted-data): smaller errors
ZERO_BIAS = $(firstword $(wildcard simulation/sample/weighted/zerobias.parquet) simulation/sample/zerobias.parquet)

.PHONY: rates
rates: $(READY) ## study: rates of the default menu (build/rates/default/rates.html), and of the VAE score
	@$(L1) rates emulator/menu/default.yaml $(ZERO_BIAS) \
	  --group 'muons=L1_*Mu*' --group 'anomalies=L1_AD*' --target L1_AD_VAE=3kHz --output build/rates/default
	@$(L1) rates vae --output build/rates/vae

.PHONY: rates-study
rates-study: $(READY) ## study: an anomaly threshold for 1 kHz of pure rate, what it buys, who pays: docs/rates.md
	@$(BIN)/python -m l1forge.studies.anomaly_budget

.PHONY: bench-rates
bench-rates: $(READY) ## study: rate studies of up to 100 M crossings, killed and resumed, on Dask workers
	@$(BIN)/python -m l1forge.benchmarks.rate_scale

.PHONY: firmware
firmware: $(READY) ## firmware: write and check the HLS and Verilog projects of the VAE
	@$(L1) firmware vae

.PHONY: cosim
cosim: firmware ## checks: co-verify every model: 1 M crossings of the VAE, 100 k of every other
	@$(L1) cosim vae -n 1000000
	@set -e; for model in $(OTHER_MODELS); do $(L1) cosim $$model -n 100000; done
	@$(L1) cosim-muons -n 100000

.PHONY: cosim-deep
cosim-deep: $(READY) ## checks: 50 M crossings of the VAE through the compiled Verilog
	@$(L1) cosim vae --deep

.PHONY: faults
faults: $(READY) ## checks: 600 single faults in the Verilog of menu and models: 99 % must be noticed (10 minutes)
	@$(L1) faults -n 600

.PHONY: formal
formal: $(READY) ## checks: prescaler, trigger rules and every combination of the default menu, proven by SAT
	@$(L1) formal

.PHONY: fuzz
N ?= 200
SEED ?= 1
fuzz: $(READY) ## checks: N random networks against hls4ml's compiled C++ (N=2000 for the full run)
	@$(L1) fuzz -n $(N) --json build/fuzz/summary.json

.PHONY: mutations
mutations: $(READY) ## checks: N damaged variations of each kind of file (seed SEED), each refused in one line or read
	@$(BIN)/python tests/mutations/campaign.py -n $(N) --seed $(SEED)

.PHONY: synth
synth: $(READY) ## firmware: synthesise all designs for UltraScale+ and 7 series, netlists simulated: docs/synthesis.md
	@$(L1) synth-table --part xcup --part xc7 --netlist 2000 --limit 10 --docs docs/synthesis.md

ROUTED ?= tail_pairs vae eg_iso tau_id event_bdt
.PHONY: synth-parts
synth-parts: $(READY) ## firmware: the designs that fit, placed and routed for ECP5 (ROUTED="vae tau_id")
	@$(L1) synth-table $(ROUTED) --part LFE5U-85F-8 --limit 20 --docs docs/synthesis.md

.PHONY: synth-regression
synth-regression: $(READY) ## checks: fail if LUT, FF or latency of a design grew by over 5 % (docs/synthesis.json)
	@$(L1) synth-table --check

.PHONY: synth-calibration
synth-calibration: $(READY) ## firmware: small designs through Yosys, from which l1forge estimate learns (15 minutes)
	@$(BIN)/python -m l1forge.benchmarks.synthesis_calibration

.PHONY: synth-routing
synth-routing: $(READY) ## firmware: small designs placed and routed for ECP5: what routing adds to a path (30 minutes)
	@$(BIN)/python -m l1forge.benchmarks.routing_calibration

.PHONY: synth-published
synth-published: $(READY) ## firmware: trees and networks of published sizes through Yosys, beside the published numbers (15 minutes)
	@$(BIN)/python -m l1forge.benchmarks.published

.PHONY: path
path: $(READY) ## study: stream 20000 LHC orbits (1.8 s) of zero bias through the whole trigger path
	@$(L1) path --orbits 20000

.PHONY: clean
clean: ## project: remove what the tools wrote (not .venv)
	rm -rf build hls_projects/*/ .cache

.PHONY: simulation-report
simulation-report: $(READY) ## study: rates of the committed sample against published ones: table and plots
	@$(BIN)/python -m l1forge.simulation.rate_comparison

.PHONY: anomaly-front
anomaly-front: $(READY) ## study: pairs, bits and latent dimensions of the anomaly scores against LUTs (15 minutes)
	@S=simulation/sample; $(L1) optimise models/anomaly/front.py --data $$S/zerobias.parquet \
	  --validation $$S/zerobias.parquet --validation $$S/ttbar.parquet --validation $$S/zmumu.parquet \
	  --validation $$S/htautau.parquet --latency 25 --seeds 3 --trials 40 -o build/anomaly_front
	@cp build/anomaly_front/pareto.png docs/figures/anomaly_front.png
	@cp build/anomaly_front/optimise.json docs/anomaly_front.json

.PHONY: bench
bench: $(READY) ## checks: speed against hls4ml, alkaid, conifer, ONNX Runtime, QKeras, NumPy and the machine
	@$(L1) bench

.PHONY: ghdl
ghdl: $(READY) ## firmware: fetch GHDL into .cache where it is not installed (no root needed)
	@$(BIN)/python -m l1forge.firmware.tools.ghdl

.PHONY: muon-report
muon-report: $(READY) ## models: muon pT: tables, figures and JSON of docs/muon.md
	@$(L1) evaluate muon_pt -n 1000000 -o docs/figures --docs docs/muon.md
	@$(L1) evaluate muon_trees -o build/muon_trees && cp build/muon_trees/muon_trees.png docs/figures/
	@$(L1) evaluate muon_robustness -o build/muon_robustness --docs docs/muon.md

.PHONY: jet-sets-report
jet-sets-report: $(READY) ## models: networks on jet constituents: tables and figure of docs/jet_sets.md
	@$(L1) evaluate jet_sets --designs -o docs/figures --docs docs/jet_sets.md

.PHONY: cosim-muons
cosim-muons: $(READY) ## checks: 100k muons: patterns and networks, emulator = HLS C++ = RTL
	@$(L1) cosim-muons -n 100000

.PHONY: firmware-trees
firmware-trees: $(READY) ## firmware: write conifer's HLS, VHDL and C++ projects of the BDTs, check its C++
	@set -e; for model in tau_id eg_iso event_bdt; do $(L1) firmware $$model; done

.PHONY: cosim-path
VECTORS ?= $(wildcard shared/data/ugt/*.txt)
cosim-path: $(READY) ## checks: 20 orbits through the Verilog of the default trigger path, cocotb and compiled
	@$(L1) cosim-path $(foreach file,$(VECTORS),--vectors $(file))

.PHONY: cosim-path-deep
cosim-path-deep: $(READY) ## checks: 1000 orbits through the compiled Verilog of the default trigger path
	@$(L1) cosim-path --deep

.PHONY: fidelity
fidelity: $(READY) ## trained networks against their graphs, types from data: tables and figures of docs/fidelity.md
	@$(BIN)/python -m l1forge.benchmarks.fidelity
