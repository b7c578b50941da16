"""What the trained network itself predicts, by the framework that it was trained in."""

from l1forge.firmware.hls.fidelity.frameworks.framework import Framework, open_framework
