"""Single faults in generated Verilog, and whether the co-verification notices them."""

from l1forge.testbench.faults.campaign import Campaign, Subject, Verdict, run_campaign

__all__ = ["Campaign", "Subject", "Verdict", "run_campaign"]
