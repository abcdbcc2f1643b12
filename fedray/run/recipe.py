"""The recipe: everything a person may want to vary about a run, validated as a whole before anything starts.

Layers, later ones winning key by key: the defaults here, the app's ``app.yaml``, a named file of its ``recipes/``
folder (``--recipe NAME``), and ``-c key=value``.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SerializeAsAny, ValidationError, create_model, model_validator

from fedray.app import App
from fedray.data.partition import Iid, PartitionBy
from fedray.errors import InvalidInput
from fedray.layers.device import DeviceSettings
from fedray.recipe_file import Source, merge, read_override, read_yaml
from fedray.settings import Settings
from fedray.strategies import FedAvg, Strategy
from fedray.task import Task, TaskOptions
from fedray.training.settings import TrainingSettings
from fedray.validation import explain

MOST_COSIGNATURES = 250
"""As many as a round's closing statement in the ledger has room for."""


class Users(Settings):
    """Who holds the data."""

    count: int = Field(10, ge=1, le=1_000_000, description="simulated end users")
    per_round: int | None = Field(None, ge=1, description="users picked in each round; all of them when null")
    cohort_size: int | None = Field(None, ge=1, description="users in one message; a 16th of the round when null")
    partition: PartitionBy = Field(default_factory=Iid)

    @model_validator(mode="after")
    def _fits_together(self) -> "Users":
        if self.per_round and self.per_round > self.count:
            raise ValueError(
                f"users.per_round = {self.per_round} is more than users.count = {self.count}; "
                f"lower per_round or leave it out to pick everybody"
            )
        return self


class Evaluation(Settings):
    """How the global model is judged on the task's test data."""

    every: int = Field(1, ge=0, description="rounds between evaluations; 0: only after the last round")
    shards: int = Field(4, ge=1, description="parts the test set is cut into, spread over the workers")
    batch_size: int = Field(64, ge=1)


class Checkpoints(Settings):
    """What survives a crash."""

    every: int = Field(1, ge=0, description="rounds between checkpoints; 0: none, the run cannot be resumed")
    keep: int = Field(2, ge=1, description="newest checkpoints to keep")


class LedgerSettings(Settings):
    """The signed record of who contributed what."""

    enabled: bool = True
    quorum: str = Field(
        "majority",
        pattern=r"^(none|all|majority|[1-9][0-9]{0,2})$",
        coerce_numbers_to_str=True,
        description="how many of a round's users must cosign before it closes: none, all, majority, or 1 to 999",
    )


class Recipe(Settings):
    """The whole recipe. ``task`` holds the task's own options."""

    seed: int = Field(0, ge=0, lt=2**32, description="every random number of the run comes from it")
    rounds: int = Field(10, ge=1)
    architecture: Literal["data-parallel"] = "data-parallel"
    runtime: Literal["ray", "in-process"] = Field("ray", description="Ray actors, or a plain loop in this process")
    clock: Literal["wall", "virtual"] = Field("wall", description="virtual: simulated devices, in-process only")
    workers: int | None = Field(None, ge=1, le=4096, description="nodes that compute; as many as CPUs when null")
    threads_per_worker: int = Field(1, ge=1, description="torch threads; more than 1 can change the last bits")
    users: Users = Field(default_factory=Users)
    strategy: Strategy = Field(default_factory=FedAvg)
    training: TrainingSettings = Field(default_factory=TrainingSettings)
    evaluation: Evaluation = Field(default_factory=Evaluation)
    checkpoints: Checkpoints = Field(default_factory=Checkpoints)
    devices: DeviceSettings = Field(default_factory=DeviceSettings)
    ledger: LedgerSettings = Field(default_factory=LedgerSettings)
    trackers: tuple[Literal["tensorboard", "mlflow"], ...] = ()
    task: SerializeAsAny[TaskOptions] = Field(default_factory=TaskOptions)

    @model_validator(mode="after")
    def _fits_together(self) -> "Recipe":
        if self.clock == "virtual" and self.runtime != "in-process":
            raise ValueError("clock = 'virtual' needs runtime = 'in-process'; set it with -c runtime=in-process")
        return self

    def quorum(self) -> str:
        """The ledger's quorum for a round; a closing statement has room for 250 cosignatures."""
        wanted, users = self.ledger.quorum, self.users_per_round()
        words = {"none": 0, "all": users, "majority": users // 2 + 1}
        many = words[wanted] if wanted in words else int(wanted)
        return wanted if many <= MOST_COSIGNATURES else str(MOST_COSIGNATURES)

    def users_per_round(self) -> int:
        """Users picked in each round."""
        return self.users.per_round or self.users.count


def read_recipe(app: App, task: type[Task], name: str | None = None, overrides: tuple[str, ...] = ()) -> Recipe:
    """Lay the app's recipe, the named one and the overrides over each other and validate the result.

    Raises InvalidInput with one line for every mistake, each naming the file, the key, what was given and what is
    allowed.
    """
    sources = [app.source.section("recipe")]
    if name is not None:
        sources.append(read_yaml(_recipe_file(app.folder, name)))
    sources += [read_override(text) for text in overrides]
    return validate_recipe(task, merge([_defaults(), *sources]), sources)


def _defaults() -> Source:
    """Fedray's own values, so that one key of a named section (an optimiser's momentum) can be given alone."""
    return Source("fedray's defaults", Recipe().model_dump(mode="json", exclude={"task"}))


def validate_recipe(task: type[Task], values: dict[str, Any], sources: list[Source]) -> Recipe:
    """Validate values that came from ``sources``, with the task's own options in place."""
    model = create_model("Recipe", __base__=Recipe, task=(task.Options, ...))
    try:
        return model.model_validate({"task": {}} | values)
    except ValidationError as error:
        raise InvalidInput(explain(error, model, sources)) from None


def _recipe_file(folder: Path, name: str) -> Path:
    file = folder / "recipes" / f"{name}.yaml"
    known = sorted(path.stem for path in (folder / "recipes").glob("*.yaml"))
    if name not in known:
        allowed = ", ".join(known) if known else "none, as the app has no recipes folder"
        raise InvalidInput(f"--recipe {name}: there is no {file}; allowed: {allowed}.")
    return file
