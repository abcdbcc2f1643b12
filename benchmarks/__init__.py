"""Measurements anyone can rerun: ``make bench``. Ratios are measured in one run; absolute times depend on the machine."""
