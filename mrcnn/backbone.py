"""The backbone with Matterport's layer names: image -> ResNet-50 or -101 -> C2..C5 -> feature pyramid -> P2..P6.

Maps are (B, H, W, C). Every convolution has a bias. A stage's stride is in its first 1x1 convolution and its shortcut.
Stage 1 may be left out.
"""

import contextlib

import keras
from keras import layers, ops

BLOCKS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}


@keras.saving.register_keras_serializable(package="mrcnn")
class FrozenBatchNormalization(layers.BatchNormalization):
    """Batch normalisation by the stored statistics, in training too; they never change, but gamma and beta are learnt.

    train_bn: None gives Keras' ordinary layer, False the frozen one. (In a functional graph `training=False` would be
    overridden when the model is called with training=True.)
    """

    def __init__(self, train_bn=False, **kwargs):
        super().__init__(**kwargs)
        self.train_bn = train_bn

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training if self.train_bn is None else False, mask=mask)

    def get_config(self):
        return {**super().get_config(), "train_bn": self.train_bn}


class FoldedConv2D(layers.Layer):
    """A convolution and its frozen normalisation computed as one convolution; both keep their weights and names.

    The map between the two is never computed, nor kept for the gradient. This pays where the maps are larger than the
    kernel, as in the mask head.
    """

    def __init__(self, conv, norm):
        super().__init__(name=f"{conv.name}_folded", autocast=False)
        self.conv, self.norm = conv, norm

    @property
    def layers(self):
        return self.conv, self.norm

    def build(self, input_shape):
        self.conv.build(input_shape)
        self.norm.build(self.conv.compute_output_shape(input_shape))

    def call(self, inputs):
        conv, norm = self.conv, self.norm
        scale = norm.gamma * ops.rsqrt(norm.moving_variance + norm.epsilon)
        shift = (conv.bias - norm.moving_mean) * scale + norm.beta
        inputs, kernel, shift = (ops.cast(x, self.compute_dtype) for x in (inputs, conv.kernel * scale, shift))
        return ops.conv(inputs, kernel, strides=conv.strides, padding=conv.padding) + shift

    def compute_output_shape(self, input_shape):
        return self.conv.compute_output_shape(input_shape)


def conv_bn(x, filters, kernel, names, *, train_bn, stride=1, padding="valid", relu=None, folded=False):
    """Convolution, normalisation and, unless relu is None, an activation of that name.

    names: of the convolution and of the normalisation. folded: as a FoldedConv2D, if the normalisation is frozen.
    """
    conv = layers.Conv2D(filters, kernel, strides=stride, padding=padding, name=names[0])
    norm = FrozenBatchNormalization(train_bn, name=names[1])
    x = FoldedConv2D(conv, norm)(x) if folded and train_bn is False else norm(conv(x))
    return x if relu is None else layers.ReLU(name=relu)(x)


@contextlib.contextmanager
def in_float32():
    """Layers made within compute in float32, whatever Keras' policy is.

    So does a backbone under mixed_bfloat16: through its many normalisations by batch statistics the rounding of each
    map turns the gradient away. In a small network at its beginning, two images, the cosine to the gradient of float32
    was 0.72 at the first layers, and is 0.998 so. The heads, which are most of the work, follow the policy.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def leaf_layers(model):
    """All layers that do not contain other layers, in order."""
    for layer in model.layers:
        if isinstance(layer, keras.Model | FoldedConv2D):
            yield from leaf_layers(layer)
        else:
            yield layer


def _block(x, stage, letter, filters, stride, train_bn):
    """1x1, 3x3, 1x1 and a shortcut, which is a convolution in a stage's first block."""

    def names(branch):
        return f"res{stage}{letter}_branch{branch}", f"bn{stage}{letter}_branch{branch}"

    def relu(branch):
        return f"res{stage}{letter}_branch{branch}_relu"

    y = conv_bn(x, filters, 1, names("2a"), stride=stride, train_bn=train_bn, relu=relu("2a"))
    y = conv_bn(y, filters, 3, names("2b"), padding="same", train_bn=train_bn, relu=relu("2b"))
    y = conv_bn(y, 4 * filters, 1, names("2c"), train_bn=train_bn)
    if letter == "a":
        x = conv_bn(x, 4 * filters, 1, names("1"), stride=stride, train_bn=train_bn)
    y = layers.Add(name=f"res{stage}{letter}_add")([y, x])
    return layers.ReLU(name=f"res{stage}{letter}_out")(y)


def stem(x, train_bn):
    """Stage 1: image -> map of 64 channels, a quarter as high and wide."""
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = conv_bn(x, 64, 7, ("conv1", "bn_conv1"), stride=2, train_bn=train_bn, relu="conv1_relu")
    return layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)


def resnet(x, architecture, *, with_stem, train_bn, blocks, filters):
    """[C2, C3, C4, C5]. Without the stem, x is a map of any number of channels, and C2 has its height and width.

    blocks, filters: of stages 2 to 5; blocks None are the architecture's.
    """
    x = stem(x, train_bn) if with_stem else x
    maps = []
    for stage, (n_blocks, n_filters) in enumerate(zip(blocks or BLOCKS[architecture], filters, strict=True), start=2):
        for i in range(n_blocks):
            stride = 2 if i == 0 and stage > 2 else 1
            x = _block(x, stage, chr(ord("a") + i), n_filters, stride, train_bn)
        maps.append(x)
    return maps


def fpn(c_maps, channels):
    """Feature pyramid network: C2..C5 -> [P2, P3, P4, P5, P6], (B, H, W, channels) each, without activations.

    P6, every second cell of P5, is for the RPN only.
    """
    top = layers.Conv2D(channels, 1, name="fpn_c5p5")(c_maps[3])
    merged = {5: top}
    for level in (4, 3, 2):
        up = layers.UpSampling2D(2, name=f"fpn_p{level + 1}upsampled")(merged[level + 1])
        lateral = layers.Conv2D(channels, 1, name=f"fpn_c{level}p{level}")(c_maps[level - 2])
        merged[level] = layers.Add(name=f"fpn_p{level}add")([up, lateral])
    maps = [layers.Conv2D(channels, 3, padding="same", name=f"fpn_p{level}")(merged[level]) for level in (2, 3, 4, 5)]
    return [*maps, layers.MaxPooling2D(1, strides=2, name="fpn_p6")(maps[-1])]
