"""Draws all figures of a trained model over some examples of its test set."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..data.amplitudes import amplitude_for, restore_data, restore_velocity
from ..data.openfwi import OpenFWIFiles
from ..physics.geometry import Survey
from .gathers import gathers_figure
from .profiles import profiles_figure
from .velocity_maps import maps_figure

EXAMPLES, PROFILED = 4, 2
"""Test examples whose maps and whose profiles are shown, evenly from the whole test set."""
DOTS_PER_INCH = 130


def draw_figures(model: nn.Module, test: OpenFWIFiles, survey: Survey, folder: Path) -> list[Path]:
    """Writes ``gathers.png``, ``maps.png`` and ``profiles.png`` into ``folder`` and returns their paths."""
    count = min(EXAMPLES, len(test))
    indices = np.arange(count, dtype=np.int64) * len(test) // count
    data_BSTR, label_B1ZX = test.batch(indices)
    with torch.no_grad():
        predicted_B1ZX = model.eval()(data_BSTR)
    true_NZX, predicted_NZX = (restore_velocity(maps[:, 0]).float().numpy() for maps in (label_B1ZX, predicted_B1ZX))
    family = test.families[test.family_index[indices[0]]]
    pressure_STR = restore_data(data_BSTR[0], amplitude_for(survey, family)).numpy()
    figures = {
        "gathers": gathers_figure(pressure_STR, survey),
        "maps": maps_figure(true_NZX, predicted_NZX, survey),
        "profiles": profiles_figure(true_NZX[:PROFILED], predicted_NZX[:PROFILED], survey),
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png" for name in figures]
    for path, figure in zip(paths, figures.values(), strict=True):
        figure.savefig(path, dpi=DOTS_PER_INCH)
    return paths
