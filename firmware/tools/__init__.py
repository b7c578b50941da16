"""Child processes, simulators and folders that the firmware flows use."""
