"""Acoustic wave physics: the survey, the source wavelet and two engines that make shot gathers from velocity maps."""
