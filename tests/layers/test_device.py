"""Simulated devices: log-normal speeds that belong to a user for the whole run."""

import numpy as np
import pytest
from scipy.stats import kstest

from fedray.layers.device import DeviceSettings


def test_without_spread_a_round_takes_computing_and_both_transfers():
    device = DeviceSettings(examples_per_second=50, spread=0, bytes_per_second=1000)
    assert device.seconds(0, 3, 200, 4000) == pytest.approx(200 / 50 + 2 * 4000 / 1000)


def test_speeds_of_users_are_log_normal_around_the_given_one():
    device = DeviceSettings(examples_per_second=100, spread=0.5, bytes_per_second=1e30)
    speeds = np.array([1000 / device.seconds(0, user, 1000, 1) for user in range(2000)])
    assert kstest((np.log(speeds) - np.log(100)) / 0.5, "norm").pvalue > 1e-3


def test_a_users_speed_is_fixed_by_seed_and_user():
    device = DeviceSettings()
    assert device.seconds(1, 5, 100, 10) == device.seconds(1, 5, 100, 10)
    assert device.seconds(1, 5, 100, 10) != device.seconds(1, 6, 100, 10)
    assert device.seconds(1, 5, 100, 10) != device.seconds(2, 5, 100, 10)
