"""The base of every section of a recipe: unknown keys are refused, values never change once validated."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A frozen section of the recipe."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)
