"""Measurements anyone can rerun: ``make bench``. Ratios are measured in one run; times depend on the machine."""
