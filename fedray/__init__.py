"""fedray: federated training on Ray, with a ledger of who contributed what."""

__version__ = "0.1.0"
