"""Two steps and a validation on one device and on two; fails where the weights after them or the losses differ.

Run by test_devices.py in a process of its own, as devices are made once a process.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
import keras  # noqa: E402
import numpy as np  # noqa: E402

from muspipe.models.weight_files import arrays_of  # noqa: E402
from muspipe.training.devices import make_devices  # noqa: E402
from tests.training.small_runs import settings_of  # noqa: E402

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)

preset = settings_of().full_preset()
rng = np.random.default_rng(0)
half = {
    "crops": rng.standard_normal((4, 16, 16, 400, 1)).astype(np.float32),
    "masks": (rng.random((4, 16, 16)) < 0.3).astype(np.float32),
    "trains": rng.standard_normal((4, 400)).astype(np.float32),
    "amplitudes": np.full(4, 2.0, np.float32),
}
# Under MirroredStrategy each device normalises its own share: equal shares make that the same.
equal_shares = keras.backend.backend() == "tensorflow"
other = {name: array if equal_shares else array[::-1] + 0.5 for name, array in half.items()}
inputs = {name: np.concatenate([half[name], other[name]]) for name in half}


def course(count):
    """(weights before, after a step of each of two optimizers, losses) with so many devices."""
    devices = make_devices(count)
    assert devices.count == count
    with devices.scope():
        model = preset.build(seed=1)
    before, losses = arrays_of(model), []
    for rate in (0.1, 0.05):  # two phases
        with devices.scope():
            model.compile(optimizer=keras.optimizers.SGD(rate, momentum=0.9, global_clipnorm=0.05))
        losses.append(devices.train(model, inputs)["loss"])
    return before, arrays_of(model), [*losses, devices.validate(model, inputs)["loss"]]


before, one, losses_of_one = course(1)
start, two, losses_of_two = course(2)
assert all((before[name] == start[name]).all() for name in before)
moved = max(np.abs(one[name] - before[name]).max() for name in before)
assert moved > 1e-4, moved
assert len({round(loss, 4) for loss in losses_of_one}) > 1, losses_of_one
apart = max(np.abs(one[name] - two[name]).max() for name in before)
assert apart < 1e-5, apart
np.testing.assert_allclose(losses_of_one, losses_of_two, atol=1e-5)
