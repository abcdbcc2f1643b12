"""How a user trains locally: the recipe's ``training`` section."""

from typing import Literal

from pydantic import Field

from fedray.settings import Settings
from fedray.training.optimizer import SGD, Optimizer
from fedray.training.schedule import Constant, Schedule


class TrainingSettings(Settings):
    """Local training of one user in one round."""

    local_epochs: int = Field(1, ge=1, description="passes over the user's examples in a round")
    batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(0.01, gt=0, description="peak rate; the schedule scales it")
    optimizer: Optimizer = Field(default_factory=SGD, description="built afresh for each user in each round")
    schedule: Schedule = Field(default_factory=Constant)
    precision: Literal["float32", "bfloat16"] = Field("float32", description="arithmetic of forward and loss")
