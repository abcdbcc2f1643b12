"""Tables and numbers that more than one verb prints."""

from rich.table import Table


def number(value: float | None) -> str:
    """Four digits; "nan" for what JSON could not hold."""
    return "nan" if value is None else f"{value:.4g}"


def metrics_table(metrics: dict[str, float], baselines: dict[str, dict[str, float]]) -> Table:
    """The trained model's test metrics beside what trivial predictors reach."""
    names = list(metrics)
    table = Table("on the test data", *names, box=None, header_style="bold")
    table.add_row("[bold green]trained model[/]", *(f"[bold]{number(metrics[name])}[/]" for name in names))
    for baseline, values in baselines.items():
        table.add_row(baseline, *(number(values[name]) if name in values else "" for name in names))
    return table
