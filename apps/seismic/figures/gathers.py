"""Shot gathers: what the receivers recorded of every shot, with time downwards."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..physics.geometry import Survey

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLIP = 98.0
"""Percentile of the amplitudes that becomes black or white, so that the direct wave does not hide the reflections."""


def gathers_figure(pressure_STR: NDArray[np.float32], survey: Survey) -> "Figure":
    """All shots side by side over one time axis (s), each with its source and its receivers' positions (m).

    Pressure is multiplied by time, the usual gain, so that late reflections show.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.3 * len(pressure_STR) + 1.2, 4.6), layout="constrained")
    panels = figure.subplots(1, len(pressure_STR), sharex=True, sharey=True, squeeze=False)[0]
    half, step = survey.dx / 2, survey.dt * survey.decimate
    gained_STR = pressure_STR * (step * np.arange(survey.samples)[:, None])
    clip = float(np.percentile(np.abs(gained_STR), CLIP)) or 1.0
    left, right = survey.receiver_columns[0] * survey.dx, survey.receiver_columns[-1] * survey.dx
    extent = (left - half, right + half, survey.samples * step, 0.0)
    for panel, gather_TR, column in zip(panels, gained_STR, survey.source_columns, strict=True):
        image = panel.imshow(gather_TR, "gray", vmin=-clip, vmax=clip, aspect="auto", extent=extent)
        image.set_interpolation("bilinear")
        panel.plot(column * survey.dx, 0, "v", color="tab:red", markersize=9, clip_on=False)
        panel.set_title(f"source at {column * survey.dx:g} m", fontsize=10, pad=9)
    panels[0].set_ylabel("time (s)")
    figure.supxlabel("receiver position (m)", fontsize=10)
    figure.colorbar(image, ax=panels, label="pressure × time", extend="both", fraction=0.05, pad=0.01)
    return figure
