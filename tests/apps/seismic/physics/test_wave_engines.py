"""Both engines against the analytic solution, against each other and against OpenFWI's published amplitudes."""

import math
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import hankel2
from torch import Tensor

from apps.seismic.physics import deepwave_engine, openfwi_scheme
from apps.seismic.physics.geometry import MINI, OPENFWI, Survey
from fedray.errors import InvalidInput

Engine = Callable[[Tensor, Survey], Tensor]
torch.set_num_threads(1)

both_engines = pytest.mark.parametrize("engine", [openfwi_scheme.shot_gathers, deepwave_engine.shot_gathers])


def relative_error(actual: Tensor, expected: Tensor) -> float:
    return float((actual - expected).norm() / expected.norm())


def curved_layers(survey: Survey, fastest: float) -> Tensor:
    """(1, nz, nx) four layers with undulating interfaces and the fastest at the bottom."""
    z_ZX = torch.linspace(0, 1, survey.nz)[:, None] + 0.08 * torch.sin(torch.linspace(0, 6, survey.nx))
    v_ZX = torch.full((survey.nz, survey.nx), 1600.0)
    for top, velocity in [(0.3, 2300.0), (0.5, 3200.0), (0.75, fastest)]:
        v_ZX[z_ZX > top] = velocity
    return v_ZX[None]


def analytic_traces(survey: Survey, velocity: float, offsets_m: list[float]) -> Tensor:
    """(samples, offsets): p = dx^2 w * G with the 2-D Green's function G = -i/4 H0(2)(w r / v), by inverse FFT.

    The wavelet is written out here from its formula. Both engines' sample i stands at time (i + 2) dt.
    """
    n = 2**15
    half = int(2.2 / survey.frequency / survey.dt) // 2
    b = (math.pi * survey.frequency * survey.dt * np.arange(-half, half + 1)) ** 2
    spectrum = np.fft.rfft((1 - 2 * b) * np.exp(-b), n)
    omega = 2 * np.pi * np.fft.rfftfreq(n, survey.dt)
    traces = []
    for offset in offsets_m:
        green = np.zeros(len(omega), dtype=complex)
        green[1:] = -0.25j * hankel2(0, omega[1:] * offset / velocity)
        traces.append(np.fft.irfft(survey.dx**2 * spectrum * green, n)[2 : survey.nt + 2])
    return torch.tensor(np.stack(traces, axis=-1), dtype=torch.float32)


@both_engines
def test_homogeneous_rock_gives_the_analytic_solution(engine: Engine) -> None:
    columns = (5, 15, 35, 55)
    survey = replace(OPENFWI, source_columns=(0,), receiver_columns=columns)
    record_TR = engine(torch.full((1, 70, 70), 2500.0), survey)[0, 0]
    expected_TR = analytic_traces(survey, 2500.0, [10.0 * column for column in columns])
    errors = [relative_error(record_TR[:, i], expected_TR[:, i]) for i in range(len(columns))]
    assert max(errors) < 0.01, errors


@pytest.mark.parametrize("fastest", [4240.0, 4500.0])
def test_engines_agree_over_the_openfwi_survey(fastest: float) -> None:
    v_BZX = curved_layers(OPENFWI, fastest)
    fast, oracle = deepwave_engine.shot_gathers(v_BZX, OPENFWI), openfwi_scheme.shot_gathers(v_BZX, OPENFWI)
    assert relative_error(fast, oracle) < 0.005


def test_engines_agree_over_the_mini_survey() -> None:
    v_BZX = curved_layers(MINI, 4500.0)
    fast, oracle = deepwave_engine.shot_gathers(v_BZX, MINI), openfwi_scheme.shot_gathers(v_BZX, MINI)
    assert fast.shape == (1, 5, 125, 35)
    assert relative_error(fast, oracle) < 0.005


@both_engines
def test_fastest_rock_gives_the_amplitudes_that_openfwi_publishes(engine: Engine) -> None:
    survey = replace(OPENFWI, source_columns=(34,))
    record = engine(torch.full((1, 70, 70), 4500.0), survey)
    assert float(record.min()) == pytest.approx(-27.2, abs=0.2)
    assert record.shape == (1, 1, 1000, 70)


@both_engines
def test_source_and_receiver_can_be_swapped(engine: Engine) -> None:
    there = replace(MINI, source_columns=(4,), source_depth=1, receiver_columns=(29,), receiver_depth=20)
    back = replace(MINI, source_columns=(29,), source_depth=20, receiver_columns=(4,), receiver_depth=1)
    v_BZX = curved_layers(MINI, 4000.0)
    assert relative_error(engine(v_BZX, there), engine(v_BZX, back)) < 1e-3


def test_mirroring_a_mini_map_mirrors_receivers_and_reverses_shots_exactly() -> None:
    v_BZX = curved_layers(MINI, 4000.0)
    mirrored = deepwave_engine.shot_gathers(v_BZX.flip(2), MINI)
    torch.testing.assert_close(mirrored, deepwave_engine.shot_gathers(v_BZX, MINI).flip(1, 3))


@both_engines
def test_a_map_gives_the_same_record_in_any_batch(engine: Engine) -> None:
    short = replace(MINI, nt=200)
    v_BZX = torch.cat([curved_layers(MINI, 4500.0), curved_layers(MINI, 3500.0)])
    assert torch.equal(engine(v_BZX, short)[1:], engine(v_BZX[1:], short))


def test_records_can_be_differentiated_by_the_map() -> None:
    short = replace(MINI, nt=120)
    v_BZX = curved_layers(MINI, 4000.0).requires_grad_()
    deepwave_engine.shot_gathers(v_BZX, short).square().sum().backward()
    assert v_BZX.grad is not None and float(v_BZX.grad.abs().sum()) > 0


def test_little_energy_is_lost_by_the_mini_decimation() -> None:
    full_rate = deepwave_engine.shot_gathers(curved_layers(MINI, 4500.0), replace(MINI, decimate=1))
    power_F = torch.fft.rfft(full_rate.double(), dim=2).abs().square().sum(dim=(0, 1, 3))
    above = torch.fft.rfftfreq(full_rate.shape[2], MINI.dt) > 0.5 / (MINI.dt * MINI.decimate)
    assert float(power_F[above].sum() / power_F.sum()) < 1e-6


@both_engines
@pytest.mark.parametrize(
    "v_BZX", [torch.full((1, 34, 35), 2000.0), torch.full((1, 35, 35), 4600.0), torch.full((1, 35, 35), math.nan)]
)
def test_maps_that_cannot_be_simulated_are_refused(engine: Engine, v_BZX: Tensor) -> None:
    with pytest.raises(InvalidInput):
        engine(v_BZX, MINI)


def test_a_missing_deepwave_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepwave", None)
    with pytest.raises(InvalidInput, match="pip install deepwave"):
        deepwave_engine.shot_gathers(torch.full((1, 35, 35), 2000.0), MINI)
