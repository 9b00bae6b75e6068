"""What a Recording takes, converts and refuses."""

import numpy as np
import pytest

from muspipe import InputError, Recording


def make(velocity, frame_rate_hz=400, pixel_mm=0.625):
    return Recording(velocity, frame_rate_hz=frame_rate_hz, pixel_mm=pixel_mm)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f8", "int16", "uint8", "int64"])
def test_real_numbers_become_contiguous_float32(velocity, dtype):
    given = np.asfortranarray((50 + 40 * velocity).astype(dtype))
    recording = make(given)
    assert recording.velocity.dtype == np.float32 and recording.velocity.flags.c_contiguous
    np.testing.assert_array_equal(recording.velocity, given.astype(np.float32))


def test_derived_quantities(velocity):
    recording = make(velocity)
    assert recording.image_shape == (10, 12) and recording.n_frames == 100
    assert recording.duration_s == 0.25  # 100 frames at 400 Hz
    assert isinstance(recording.frame_rate_hz, float) and recording.velocity_unit == "a.u."


def test_in_words(velocity):
    recording = Recording(velocity, 400, 0.5, velocity_unit="mm/s", source_name="m\udcfcller.h5")
    assert str(recording) == (
        "recording m\ufffdller.h5: 10 x 12 px of 0.5 mm (5 x 6 mm), 100 frames at 400 Hz (0.25 s), velocity in mm/s"
    )


def test_nan_and_infinity_are_counted_and_located(velocity):
    velocity[2, 3, 4], velocity[9, 11, 99] = np.nan, -np.inf
    with pytest.raises(InputError, match=r"2 of 12000 values .* first at row 2, column 3, frame 4"):
        make(velocity)


def test_pixels_that_are_nan_in_every_frame_are_masked(velocity):
    velocity[:, :3] = np.nan
    given = velocity.copy()
    recording = make(given)
    np.testing.assert_array_equal(given, velocity)  # the array that came is not written to
    assert recording.inside.dtype == bool and recording.inside[:, 3:].all() and not recording.inside[:, :3].any()
    assert not recording.velocity[:, :3].any()
    np.testing.assert_array_equal(recording.velocity[:, 3:], velocity[:, 3:])
    assert make(velocity[:, 3:]).inside.all()
    np.testing.assert_array_equal(recording.with_velocity(0 * recording.velocity).inside, recording.inside)
    velocity[0, 0, 5] = 1  # one value where all others are NaN
    with pytest.raises(InputError, match="99 of 12000 values .*only pixels that are NaN in every frame"):
        make(velocity)


def test_a_mask_that_is_given(velocity):
    inside = np.ones((10, 12), bool)
    inside[0] = False
    recording = Recording(velocity, 400, 0.5, inside=inside)
    assert not recording.velocity[0].any() and (recording.velocity[1:] == velocity[1:]).all()
    for wrong in (np.ones((12, 10), bool), np.ones((10, 12))):
        with pytest.raises(InputError, match=r"inside: expected true or false for \(10, 12\) pixels"):
            Recording(velocity, 400, 0.5, inside=wrong)


def test_hardly_any_pixel_holds_data(velocity):
    velocity[:, 6:] = np.nan
    with pytest.raises(InputError, match="expected data in at least 64 pixels, got 60"):
        make(velocity)


def test_too_large_for_float32_is_infinite(velocity):
    with pytest.raises(InputError, match="NaN or infinite"):
        make(velocity.astype(np.float64) * 1e39 + 4e39)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v[0], "expected 3 axes.*got 2"),
        (lambda v: v[None], "expected 3 axes.*got 4"),
        (lambda v: v[:, :, :0], "empty array"),
        (lambda v: v[:, :, :99], "at least 0.25 s"),
        (lambda v: v[:7], "at least 8 x 8 px, got 7 x 12"),
        (lambda v: v.transpose(2, 0, 1), "first axis is the longest.*--axes THW"),
        (lambda v: v.transpose(0, 2, 1), "second axis is the longest.*--axes HTW"),
        (lambda v: v + 1j, "complex"),
        (lambda v: v.astype(str), "dtype <U"),
        (lambda v: v.astype(object), "dtype object"),
        (lambda v: v > 0, "dtype bool"),
        (lambda v: 0 * v, "every value is 0"),
        (lambda v: 0 * v + 3, "every value is 3"),
        (lambda v: np.repeat(v[:, :, :1], 100, 2), "no pixel changes over time"),
        (lambda v: 1e13 * v, "largest value of 1e-12 to 1e.12, got 1e.13"),
        (lambda v: 1e-13 * v, "got 1e-13"),
        (lambda v: None, "dtype object"),
    ],
)
def test_wrong_velocity(velocity, change, message):
    with pytest.raises(InputError, match=message) as caught:
        make(change(velocity))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("argument", ["frame_rate_hz", "pixel_mm"])
@pytest.mark.parametrize("value", [None, 0, -1, np.nan, np.inf, "400", True, 1j, [400], 1e-4, 1e9])
def test_wrong_number(velocity, argument, value):
    option = {"frame_rate_hz": "--frame-rate", "pixel_mm": "--pixel-mm"}[argument]
    with pytest.raises(InputError, match=f"{argument}.*{option}"):
        make(velocity, **{argument: value})


def test_slow_frame_rate_says_why(velocity):
    with pytest.raises(InputError, match="100 .*twitch.*got 99"):
        make(velocity, frame_rate_hz=99)
    assert make(velocity, frame_rate_hz=np.float32(100)).frame_rate_hz == 100


def test_cleaned_images_keep_the_rest_and_are_not_checked(velocity):
    recording = make(velocity)
    cleaned = recording.with_velocity(0 * velocity)
    assert not cleaned.velocity.any() and recording.velocity.any()
    assert (cleaned.frame_rate_hz, cleaned.pixel_mm, cleaned.n_frames) == (400.0, 0.625, 100)


def test_rms_of_velocity_by_hand():
    """3 in 1 frame of 4, -1 in the others: (9 + 3) / 4 = 3."""
    values = np.full((8, 8, 100), -1.0)
    values[..., ::4] = 3
    rms = Recording(values, 400, 0.5).velocity_rms
    assert rms.dtype == np.float32
    np.testing.assert_allclose(rms, np.full((8, 8), 3**0.5), rtol=1e-6)
