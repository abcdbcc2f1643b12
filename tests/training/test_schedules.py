"""Learning-rate schedules against torch's own and against their equations in numpy."""

import math

import numpy as np
import pytest
import torch

from fedray.training.schedule import Constant, Cosine, OneCycle


def torch_one_cycle(steps: int, **options) -> np.ndarray:
    """The rates of torch.optim.lr_scheduler.OneCycleLR with peak 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=steps, **options)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


@pytest.mark.parametrize(("warmup", "start", "final"), [(0.3, 25.0, 1e4), (0.1, 10.0, 100.0), (0.75, 2.0, 3.0)])
def test_one_cycle_is_torchs_one_cycle_once_steps_are_small(warmup, start, final):
    steps = 4000
    expected = torch_one_cycle(steps, pct_start=warmup, div_factor=start, final_div_factor=final)
    ours = OneCycle(warmup=warmup, start_divisor=start, final_divisor=final)
    rates = np.array([ours.factor(step / steps) for step in range(steps)])
    # torch reaches the peak one step and the end one step earlier; the steepest slope is pi / 2 over the shorter arc.
    assert np.abs(rates - expected).max() < math.pi / 2 / min(warmup, 1 - warmup) * 1.5 / steps
    assert rates.max() == pytest.approx(1.0, abs=1e-6)


def test_one_cycle_begins_and_ends_where_torchs_does():
    expected = torch_one_cycle(100)
    assert OneCycle().factor(0.0) == pytest.approx(expected[0])
    assert OneCycle().factor(1.0) == pytest.approx(expected[-1])


@pytest.mark.parametrize("final", [0.0, 0.2, 1.0])
def test_cosine_is_equation_5_of_sgdr(final):
    fractions = np.linspace(0, 1, 101)
    expected = final + 0.5 * (1.0 - final) * (1 + np.cos(fractions * np.pi))
    assert [Cosine(final=final).factor(fraction) for fraction in fractions] == pytest.approx(expected)


def test_cosine_is_torchs_cosine_annealing():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50, eta_min=0.1)
    for step in range(50):
        assert Cosine(final=0.1).factor(step / 50) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9)
        optimizer.step()
        scheduler.step()


def test_warm_up_climbs_linearly_to_the_peak_and_cosine_takes_over_there():
    schedule = Cosine(warmup=0.2, final=0.0)
    fractions = np.linspace(0, 0.2, 50, endpoint=False)
    assert [schedule.factor(fraction) for fraction in fractions] == pytest.approx(fractions / 0.2)
    assert schedule.factor(0.2) == pytest.approx(1.0)
    later = np.linspace(0.2, 1, 50)
    assert [schedule.factor(f) for f in later] == pytest.approx((1 + np.cos(np.pi * (later - 0.2) / 0.8)) / 2)


def test_constant_is_constant():
    assert {Constant().factor(fraction) for fraction in np.linspace(0, 1, 11)} == {1.0}
