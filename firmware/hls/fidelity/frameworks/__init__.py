"""What the trained network itself predicts, by the framework that it was trained in."""

from l1forge.firmware.hls.fidelity.frameworks.framework import Framework as Framework
from l1forge.firmware.hls.fidelity.frameworks.framework import open_framework as open_framework
