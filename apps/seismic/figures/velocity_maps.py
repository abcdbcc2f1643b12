"""Velocity maps: truth, prediction and their difference, a row for each example."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..physics.geometry import Survey

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SLOWEST, FASTEST = 1500, 4500
LARGEST_DIFFERENCE = 1000
"""m/s at the ends of the difference's colours; more is drawn like this."""


def maps_figure(true_NZX: NDArray[np.float32], predicted_NZX: NDArray[np.float32], survey: Survey) -> "Figure":
    """``true_NZX`` and ``predicted_NZX`` in m/s. Axes are position and depth in m; each row gives its mean error."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    rows = len(true_NZX)
    figure = Figure(figsize=(7.6, 2.35 * rows + 1.2), layout="constrained")
    panels = figure.subplots(rows, 3, sharex=True, sharey=True, squeeze=False)
    extent = (-survey.dx / 2, (survey.nx - 0.5) * survey.dx, (survey.nz - 0.5) * survey.dx, -survey.dx / 2)
    panels[0][0].yaxis.set_major_locator(MaxNLocator(4))
    for number, (row, true_ZX, predicted_ZX) in enumerate(zip(panels, true_NZX, predicted_NZX, strict=True), 1):
        difference_ZX, most = predicted_ZX - true_ZX, LARGEST_DIFFERENCE
        for panel, map_ZX in zip(row, (true_ZX, predicted_ZX), strict=False):
            velocity = panel.imshow(map_ZX, cmap="viridis", vmin=SLOWEST, vmax=FASTEST, extent=extent)
        difference = row[2].imshow(difference_ZX, cmap="RdBu_r", vmin=-most, vmax=most, extent=extent)
        row[2].set_title(f"MAE {np.abs(difference_ZX).mean():.0f} m/s", fontsize=9)
        row[0].set_ylabel(f"map {number}, depth (m)")
    for panel, title in zip(panels[0], ("truth", "prediction", "prediction − truth"), strict=True):
        panel.set_title("\n".join(filter(None, (title, panel.get_title()))), fontsize=10)
    for panel in panels[-1]:
        panel.set_xlabel("position (m)")
    bar = partial(figure.colorbar, location="bottom", pad=0.02)
    bar(velocity, ax=panels[:, :2], label="velocity (m/s)", aspect=40)
    bar(difference, ax=panels[:, 2], label="difference (m/s)", aspect=20, extend="both")
    return figure
