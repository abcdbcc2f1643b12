"""Seismic training data: OpenFWI-like velocity maps, generated waveforms, and a reader of the OpenFWI file layout."""
