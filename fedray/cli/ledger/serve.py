"""``fedray ledger serve``: the published log over HTTP, for whoever verifies, mirrors or witnesses it."""

import asyncio

import click

from fedray.cli.ledger.places import Place, ledger_argument


@click.command()
@ledger_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; this machine only by default.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 [default]: any free one.")
def command(place: Place, host: str, port: int) -> None:
    """Serve log/ read-only (C2SP tlog-tiles) until Ctrl-C. Any other web server can do the same: they are plain files.

    Prints the address, which show, verify, prove and cosign take as LEDGER.
    """
    from fedray.cli.ledger.reading import tree
    from ledger.log_server import serve
    from ledger.source import open_source

    tree(place)
    asyncio.run(serve(open_source(place.folder)[0], host, port, click.echo))
