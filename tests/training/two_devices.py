"""One step on one device and on two; prints the largest difference of the updated weights, relative to the update.

Run by test_devices.py in a process of its own, as devices are made once a process.
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
import keras  # noqa: E402
import numpy as np  # noqa: E402

from muspipe.models import build, get_preset  # noqa: E402
from muspipe.models.weights import arrays_of  # noqa: E402
from muspipe.training.devices import make_devices  # noqa: E402

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)

preset = get_preset("twitch", "compact") | {
    "convolutions": [{"maps": 2, "kernel": [5, 5, 3], "stride": [4, 4, 1]}],
    "dense_before": [8],
    "gru": 4,
    "dense_after": [4],
}
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


def weights_after_a_step(count):
    devices = make_devices(count)
    with devices.scope():
        model = build("twitch", preset, seed=1)
        model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.9, global_clipnorm=0.05))
    before = arrays_of(model)
    logs = devices.train(model, inputs)
    return before, arrays_of(model), logs


before, one, loss_one = weights_after_a_step(1)
start, two, loss_two = weights_after_a_step(2)
assert all((before[name] == start[name]).all() for name in before)
moved = max(np.abs(one[name] - before[name]).max() for name in before)
assert moved > 1e-4, moved
apart = max(np.abs(one[name] - two[name]).max() for name in before)
print(f"apart {apart / moved:.3g} loss {abs(loss_one['loss'] - loss_two['loss']):.3g}")
sys.exit(0 if apart < 1e-5 and abs(loss_one["loss"] - loss_two["loss"]) < 1e-5 else 1)
