"""Vertical profiles: velocity against depth under three positions, truth and prediction."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..physics.geometry import Survey

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POSITIONS = (0.25, 0.5, 0.75)
"""Of the profiles, as fractions of the width."""


def profiles_figure(true_NZX: NDArray[np.float32], predicted_NZX: NDArray[np.float32], survey: Survey) -> "Figure":
    """``true_NZX`` and ``predicted_NZX`` in m/s, a row for each example, with depth (m) downwards."""
    from matplotlib.figure import Figure

    rows = len(true_NZX)
    figure = Figure(figsize=(8.4, 3.4 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, len(POSITIONS), sharex=True, sharey=True, squeeze=False)
    edges = (np.arange(survey.nz + 1) - 0.5) * survey.dx
    for number, (row, true_ZX, predicted_ZX) in enumerate(zip(panels, true_NZX, predicted_NZX, strict=True), 1):
        for panel, position in zip(row, POSITIONS, strict=True):
            column = round(position * (survey.nx - 1))
            for velocity_ZX, label, color, width in (
                (true_ZX, "truth", "black", 1.8),
                (predicted_ZX, "prediction", "tab:red", 1.4),
            ):
                panel.stairs(
                    velocity_ZX[:, column], edges, orientation="horizontal", baseline=None,
                    color=color, linewidth=width, label=label,
                )  # fmt: skip
            panel.set_title(f"map {number} at {column * survey.dx:g} m", fontsize=10)
            panel.grid(alpha=0.3)
        row[0].set_ylabel("depth (m)")
    panels[0][0].set(xlim=(1400, 4600), ylim=(edges[-1], edges[0]))
    for panel in panels[-1]:
        panel.set_xlabel("velocity (m/s)")
    panels[0][0].legend(loc="best", fontsize=9)
    return figure
