"""How updates merge into the global model: one file a strategy."""

from fedray.strategies.fedavg import FedAvg

Strategy = FedAvg

__all__ = ["FedAvg", "Strategy"]
