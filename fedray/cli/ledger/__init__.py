"""``fedray ledger``: keep, read, prove and verify the record of who contributed what. A file a verb or a family."""

from fedray.cli.ledger.group import command as command
