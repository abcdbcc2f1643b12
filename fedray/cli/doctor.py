"""``fedray doctor``: is this machine, and this installation, ready to train?"""

import json

import click

from fedray.cli.options import format_option, wants_json
from fedray.errors import EXIT_FAILED


@click.command()
@format_option
def command(output: str) -> None:
    """Check Python, packages, CPUs, memory, disk and Ray, and say what to mend. Exit code 1 when something must be."""
    from fedray.run.doctor import examine

    findings = examine()
    for finding in findings:
        if wants_json(output):
            click.echo(json.dumps(vars(finding)))
        else:
            mark, colour = {"ok": ("ok  ", "green"), "note": ("note", "yellow"), "bad": ("BAD ", "red")}[
                finding.verdict
            ]
            click.echo(f"{click.style(mark, fg=colour)}  {finding.what:<12} {finding.found}")
            if finding.fix:
                click.echo(f"{'':20}{finding.fix}")
    if any(finding.verdict == "bad" for finding in findings):
        raise click.exceptions.Exit(EXIT_FAILED)
