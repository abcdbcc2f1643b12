"""Federated seismic waveform inversion: from shot gathers to velocity maps, while recordings stay with their owners.

InversionNet (Wu & Lin, 2020) on OpenFWI (Deng et al., NeurIPS 2022): its own files, or generated ones like them.
"""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from fedray.errors import InvalidInput
from fedray.task import Batch, Progress, Task, TaskOptions

from .baselines import baselines
from .data.file_pairs import FilePair, family_files, official_split, split_last
from .data.generate import generate
from .data.generation import cache_key
from .data.openfwi import OpenFWIFiles
from .figures.draw import draw_figures
from .inversionnet import InversionNet, Norm
from .metrics import map_errors, report
from .mini_inversionnet import MiniInversionNet
from .physics.geometry import MINI, OPENFWI, Survey

Family = Literal[
    "flatvel-a", "flatvel-b", "curvevel-a", "curvevel-b", "flatfault-a", "flatfault-b", "curvefault-a", "curvefault-b",
    "style-a", "style-b",
]  # fmt: skip
Part = Literal["train", "test"]


class SeismicOptions(TaskOptions):
    """The recipe's ``task:`` section. Every option is checked before a run starts."""

    families: tuple[Family, ...] = Field(("curvevel-a",), min_length=1, description="OpenFWI families to learn")
    survey: Literal["mini", "openfwi"] = Field("mini", description="35 x 35 cells at 8 Hz, or OpenFWI's 70 x 70 at 15")
    folder: str = Field("", description="OpenFWI files, a subfolder for each family; empty to generate the like")
    test_files: int = Field(0, ge=0, description="last files of each family in folder, to test on; 0: OpenFWI's split")
    train_samples: int = Field(4000, ge=1, le=1_000_000, description="training maps of each family to generate")
    test_samples: int = Field(200, ge=1, le=1_000_000, description="test maps of each family to generate")
    seed: int = Field(0, ge=0, lt=2**31, description="of the generated data")
    cache: str = Field("", description="keeps generated data between runs; empty for $FEDRAY_CACHE or ~/.cache/fedray")
    model: Literal["mini", "full"] = Field("mini", description="the network: mini for the mini survey, else full")
    norm: Norm = Field("gn", description="normalisation: bn as published, or gn or none, which federate better")
    flip: bool = Field(True, description="mirror training examples at random; has no effect on the openfwi survey")

    @model_validator(mode="after")
    def _agrees(self) -> "SeismicOptions":
        if (self.model == "mini") != (self.survey == "mini"):
            raise ValueError(f"model {self.model} does not fit survey {self.survey}: use mini/mini or full/openfwi")
        if len(set(self.families)) < len(self.families):
            raise ValueError("families holds a name twice: give each once")
        return self


class InversionNetTask(Task):
    """InversionNet on OpenFWI's families; ``labels``, for non-IID partitions, are the families' numbers."""

    Options = SeismicOptions
    headline = "mae_mps"
    options: SeismicOptions

    def prepare(self, progress: Progress) -> None:
        """Generates data that are not there yet; reads all of a downloaded folder once to check it."""
        if self.options.folder:
            self._train.check_values(progress)
            self._test.check_values(progress)
        else:
            self._generate("train", progress)
            self._generate("test", progress)

    def train_data(self) -> OpenFWIFiles:
        """(data_STR, label_1ZX), normalised."""
        return self._train

    def test_data(self) -> OpenFWIFiles:
        """(data_STR, label_1ZX), normalised."""
        return self._test

    def labels(self) -> NDArray[np.int64]:
        """(len(train_data()),) each example's index into the option ``families``."""
        return self._train.family_index

    def model(self) -> nn.Module:
        """The network of the option ``model``."""
        return (MiniInversionNet if self.options.model == "mini" else InversionNet)(self.options.norm)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Mean absolute error on the normalised scale, as OpenFWI's benchmarks train InversionNet."""
        return l1_loss(_predict(model, batch), batch[1])

    def augment(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Mirrors half of the examples, if the option ``flip`` is set and the survey looks the same mirrored."""
        if not (self.options.flip and is_symmetric(self.survey)):
            return batch
        flipped = torch.rand(len(batch[0]), generator=generator) < 0.5
        return tuple(
            torch.where(flipped[:, None, None, None], mirrored, original)
            for mirrored, original in zip(mirror(batch), batch, strict=True)
        )

    def metrics(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """``mae``, ``mse`` (normalised) and ``ssim`` of each example."""
        return map_errors(_predict(model, batch), batch[1])

    def summarise(self, means: Mapping[str, float]) -> dict[str, float]:
        """``mae``, ``rmse`` (normalised), ``ssim``, ``mae_mps`` and ``rmse_mps`` (m/s)."""
        return report(means)

    def baselines(self) -> dict[str, dict[str, float]]:
        """The mean model and the nearest neighbour among the training data."""
        return baselines(self._train, self._test)

    def figures(self, model: nn.Module, folder: Path) -> Sequence[Path]:
        """Shot gathers, true and predicted maps, and vertical profiles."""
        return draw_figures(model, self._test, self.survey, folder)

    @property
    def survey(self) -> Survey:
        """Where sources and receivers stand."""
        return MINI if self.options.survey == "mini" else OPENFWI

    @cached_property
    def _train(self) -> OpenFWIFiles:
        return OpenFWIFiles(self._files("train"), self.survey)

    @cached_property
    def _test(self) -> OpenFWIFiles:
        return OpenFWIFiles(self._files("test"), self.survey)

    def _files(self, part: Part) -> dict[str, list[FilePair]]:
        if self.options.folder:
            return {family: self._downloaded(family)[0 if part == "train" else 1] for family in self.options.families}
        return {family: family_files(self._generated_folder(part), family) for family in self.options.families}

    def _downloaded(self, family: str) -> tuple[list[FilePair], list[FilePair]]:
        """(train, test)."""
        pairs = family_files(Path(self.options.folder).expanduser(), family)
        files = self.options.test_files
        return split_last(pairs, files) if files else official_split(family, pairs)

    def _generate(self, part: Part, progress: Progress) -> None:
        samples, seed = self._generated(part)
        generate(self.options.families, samples, self.survey, seed, self._generated_folder(part), progress)

    def _generated(self, part: Part) -> tuple[int, int]:
        """(samples of each family, seed): the two parts never share a seed."""
        if part == "train":
            return self.options.train_samples, 2 * self.options.seed
        return self.options.test_samples, 2 * self.options.seed + 1

    def _generated_folder(self, part: Part) -> Path:
        samples, seed = self._generated(part)
        return _cache(self.options.cache) / "seismic" / cache_key(self.options.families, samples, self.survey, seed)


def is_symmetric(survey: Survey) -> bool:
    """Whether shots and receivers stand the same when seen from behind."""
    lines = (survey.source_columns, survey.receiver_columns)
    return all(tuple(survey.nx - 1 - column for column in reversed(line)) == line for line in lines)


def mirror(batch: Batch) -> Batch:
    """What a symmetric survey records over the mirrored map: shots and receivers in reverse order."""
    data_BSTR, label_B1ZX = batch
    return data_BSTR.flip(1, 3), label_B1ZX.flip(3)


def _predict(model: nn.Module, batch: Batch) -> Tensor:
    """(B, 1, nz, nx). Raises InvalidInput when the model makes maps of another size."""
    predicted_B1ZX: Tensor = model(batch[0])
    if predicted_B1ZX.shape != batch[1].shape:
        raise InvalidInput(
            f"The model makes maps of shape {tuple(predicted_B1ZX.shape[1:])} but the survey's are "
            f"{tuple(batch[1].shape[1:])}: change the model or the option survey."
        )
    return predicted_B1ZX


def _cache(folder: str) -> Path:
    """The option ``cache``, else $FEDRAY_CACHE, else fedray's folder in $XDG_CACHE_HOME or ~/.cache."""
    fallback = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fedray"
    return Path(folder or os.environ.get("FEDRAY_CACHE") or fallback).expanduser()
