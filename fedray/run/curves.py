"""Loss and metric curves over the rounds, drawn with matplotlib where it is installed (extra ``plots``)."""

import importlib.util
from pathlib import Path
from typing import Any


def draw_curves(rounds: list[dict[str, Any]], headline: str, folder: Path) -> list[Path]:
    """Draw ``curves.png``: training loss and the headline test metric over the rounds. Returns the files written."""
    if importlib.util.find_spec("matplotlib") is None or not rounds:
        return []
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, key, title in zip(panels, ("train_loss", headline), ("training loss", f"test {headline}"), strict=True):
        points = [(line["round"], line[key]) for line in rounds if key in line]
        panel.plot(*zip(*points, strict=True), marker="o", markersize=4, linewidth=1.5) if points else None
        panel.set(xlabel="round", title=title)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
    file = folder / "curves.png"
    figure.savefig(file, dpi=150)
    return [file]
