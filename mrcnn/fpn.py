"""Feature pyramid network: C2..C5 -> P2..P6, no activations. P6, every second cell of P5, is for the RPN only."""

from keras import layers


def fpn(c_maps, channels):
    """[P2, P3, P4, P5, P6], (B, H, W, channels) each."""
    top = layers.Conv2D(channels, 1, name="fpn_c5p5")(c_maps[3])
    merged = {5: top}
    for level in (4, 3, 2):
        up = layers.UpSampling2D(2, name=f"fpn_p{level + 1}upsampled")(merged[level + 1])
        lateral = layers.Conv2D(channels, 1, name=f"fpn_c{level}p{level}")(c_maps[level - 2])
        merged[level] = layers.Add(name=f"fpn_p{level}add")([up, lateral])
    maps = [layers.Conv2D(channels, 3, padding="same", name=f"fpn_p{level}")(merged[level]) for level in (2, 3, 4, 5)]
    return [*maps, layers.MaxPooling2D(1, strides=2, name="fpn_p6")(maps[-1])]
