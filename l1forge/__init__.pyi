"""The public names for type checkers and editors; l1forge/__init__.py loads them on first use."""

from l1forge.emulator.errors import InputError as InputError
from l1forge.emulator.events.source import open_events as open_events
from l1forge.emulator.graph.fixed import FixedType as FixedType
from l1forge.emulator.graph.graph import Graph as Graph
from l1forge.studies.convert import convert as convert
from l1forge.studies.cosim import verify as verify
from l1forge.studies.emulate import emulate as emulate
from l1forge.studies.import_trees import import_bdt as import_bdt
from l1forge.studies.imports import import_hls as import_hls
from l1forge.studies.imports import import_model as import_model
from l1forge.studies.menu import check_menu as check_menu
from l1forge.studies.menu import load_menu as load_menu
from l1forge.studies.path import run_path as run_path
from l1forge.studies.rates import rates as rates
from l1forge.studies.sources import load_graph as load_graph
from l1forge.studies.sources import sample as sample
from l1forge.studies.synthesis import synthesise as synthesise

__version__: str
