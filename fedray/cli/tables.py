"""Tables that more than one verb prints."""

from rich.table import Table


def metrics_table(metrics: dict[str, float], baselines: dict[str, dict[str, float]]) -> Table:
    """The trained model's test metrics beside what trivial predictors reach."""
    names = list(metrics)
    table = Table("on the test data", *names, box=None, header_style="bold")
    table.add_row("[bold green]trained model[/]", *(f"[bold]{metrics[name]:.4g}[/]" for name in names))
    for baseline, values in baselines.items():
        table.add_row(baseline, *(f"{values[name]:.4g}" if name in values else "" for name in names))
    return table
