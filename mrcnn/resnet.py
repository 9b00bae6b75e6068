"""ResNet-50 and -101 with Matterport's layer names; stage 1 may be left out.

(B, H, W, C). Every convolution has a bias. A stage's stride sits in its first 1x1 convolution and in its shortcut.
"""

import keras
from keras import layers

BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
FILTERS = (64, 128, 256, 512)


@keras.saving.register_keras_serializable(package="mrcnn")
class FrozenBatchNormalization(layers.BatchNormalization):
    """Batch normalisation by the stored statistics, also while training; they never move. gamma and beta learn.

    train_bn: None gives Keras' ordinary layer, False the frozen one. (Keras' own `training=False` in a functional graph
    is overridden when the model is called with training=True.)
    """

    def __init__(self, train_bn=False, **kwargs):
        super().__init__(**kwargs)
        self.train_bn = train_bn

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training if self.train_bn is None else False, mask=mask)

    def get_config(self):
        return {**super().get_config(), "train_bn": self.train_bn}


def _conv_bn(x, filters, kernel, names, *, stride=1, padding="valid", train_bn=False, relu=True):
    """names: (of the convolution, of the normalisation)."""
    x = layers.Conv2D(filters, kernel, strides=stride, padding=padding, name=names[0])(x)
    x = FrozenBatchNormalization(train_bn, name=names[1])(x)
    return layers.ReLU(name=names[0] + "_relu")(x) if relu else x


def _block(x, stage, letter, filters, stride, train_bn):
    """1x1, 3x3, 1x1 and a shortcut, which is a convolution in a stage's first block."""

    def names(branch):
        return f"res{stage}{letter}_branch{branch}", f"bn{stage}{letter}_branch{branch}"

    y = _conv_bn(x, filters, 1, names("2a"), stride=stride, train_bn=train_bn)
    y = _conv_bn(y, filters, 3, names("2b"), padding="same", train_bn=train_bn)
    y = _conv_bn(y, 4 * filters, 1, names("2c"), train_bn=train_bn, relu=False)
    if letter == "a":
        x = _conv_bn(x, 4 * filters, 1, names("1"), stride=stride, train_bn=train_bn, relu=False)
    y = layers.Add(name=f"res{stage}{letter}_add")([y, x])
    return layers.ReLU(name=f"res{stage}{letter}_out")(y)


def stem(x, train_bn=False):
    """Stage 1: the image to a map of 64 channels and a quarter of its size."""
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = _conv_bn(x, 64, 7, ("conv1", "bn_conv1"), stride=2, train_bn=train_bn)
    return layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)


def resnet(x, architecture, *, with_stem=True, train_bn=False, blocks=None, filters=FILTERS):
    """[C2, C3, C4, C5]. Without the stem x is a map of any channels, and C2 has its height and width.

    blocks, filters: of the four stages, where they shall not be the architecture's.
    """
    if architecture not in BLOCKS:
        raise ValueError(f"unknown backbone {architecture!r}; expected one of {tuple(BLOCKS)}")
    x = stem(x, train_bn) if with_stem else x
    maps = []
    for stage, (n_blocks, n_filters) in enumerate(zip(blocks or BLOCKS[architecture], filters, strict=True), start=2):
        for i in range(n_blocks):
            stride = 2 if i == 0 and stage > 2 else 1
            x = _block(x, stage, chr(ord("a") + i), n_filters, stride, train_bn)
        maps.append(x)
    return maps
