"""Options of a network, with Matterport's names and defaults.

Set them as keywords, `Config(NUM_CLASSES=3, IMAGE_SHAPE=(128, 128, 3))`, or in a subclass, `class Shapes(Config):
NUM_CLASSES = 3`.

Of Matterport's options COMPUTE_BACKBONE_SHAPE is left out; see LEFT_OUT. New here are FEATURE_MAP_SHAPE, MASK_ROIS,
MASK_ROIS_PER_IMAGE and, for slimmer networks, RESNET_BLOCKS, RESNET_FILTERS, RPN_CHANNELS and MASK_CHANNELS.
RPN_ANCHOR_SCALES may hold several scales a level.

MASK_ROIS says which RoIs of a training step the mask head sees, of which only the positive ones enter its loss. With
stored statistics (TRAIN_BN False) losses and gradients are the same. With those of the batch (None) they are of
  "possible"  the first TRAIN_ROIS_PER_IMAGE * ROI_POSITIVE_RATIO rows of each image: positives, then negatives, then
              zeros. (Matterport's are of all rows, its negatives and zeros included.)
  "positive"  the positives of the batch alone: in inference, too, the head sees little else, so that its stored
              statistics fit. Under TensorFlow the other rows are not computed.
MASK_ROIS_PER_IMAGE is the most of them that an image has in a training step, drawn at random from its positives; None:
all. The loss is a mean over positives, which it then estimates from fewer: this is for training on little, as at 66 an
image the mask head is nine tenths of a step's products.
"""

import copy
import difflib
import math
import numbers

BACKBONES = ("resnet50", "resnet101")
RESIZE_MODES = ("none", "square", "pad64", "crop")
MASK_ROIS = ("possible", "positive")
LEFT_OUT = {
    "COMPUTE_BACKBONE_SHAPE": "BACKBONE cannot be a function here; give a FEATURE_MAP_SHAPE, or a `stem` to MaskRCNN",
}
FOLLOWS = {"BATCH_SIZE": "IMAGES_PER_GPU and GPU_COUNT", "IMAGE_META_SIZE": "NUM_CLASSES"}
IMAGE_SHAPE_ADVICE = (
    "IMAGE_MAX_DIM and IMAGE_MIN_DIM, or give it when the configuration is made, Config(IMAGE_SHAPE=..)"
)
LOSS_NAMES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")


class Config:
    """Every capital name is an option. BATCH_SIZE, IMAGE_META_SIZE and, unless set, IMAGE_SHAPE follow from others."""

    NAME = "mask_rcnn"

    # Devices and epochs: GPU_COUNT and IMAGES_PER_GPU give BATCH_SIZE; the steps are for your own calls of `fit`
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 1000
    VALIDATION_STEPS = 50

    # Backbone and pyramid
    BACKBONE = "resnet101"
    RESNET_BLOCKS = None  # blocks of stages 2..5; None: those of BACKBONE
    RESNET_FILTERS = (64, 128, 256, 512)  # of stages 2..5; a stage has four times as many channels
    BACKBONE_STRIDES = (4, 8, 16, 32, 64)  # of P2..P6 in pixels of the image, even if the network sees a feature map
    FEATURE_MAP_SHAPE = None  # (H, W, C) of a map in place of the ResNet's first stage; None: stage 1 sees the image
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024
    TOP_DOWN_PYRAMID_SIZE = 256
    NUM_CLASSES = 1  # background included
    TRAIN_BN = False  # False: stored statistics, always; None: batch statistics while training; True is refused

    # Region proposals
    RPN_CHANNELS = 512
    RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)  # side of the square anchor of each level [px]; or several a level
    RPN_ANCHOR_RATIOS = (0.5, 1, 2)  # width / height
    RPN_ANCHOR_STRIDE = 1  # every n-th cell of a feature map has anchors
    RPN_NMS_THRESHOLD = 0.7
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256
    RPN_BBOX_STD_DEV = (0.1, 0.1, 0.2, 0.2)
    PRE_NMS_LIMIT = 6000
    POST_NMS_ROIS_TRAINING = 2000
    POST_NMS_ROIS_INFERENCE = 1000

    # Images
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1024
    IMAGE_MIN_SCALE = 0
    IMAGE_CHANNEL_COUNT = 3
    MEAN_PIXEL = (123.7, 116.8, 103.9)

    # Ground truth and targets
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (56, 56)
    MAX_GT_INSTANCES = 100
    USE_RPN_ROIS = True  # False: proposals must come as an input, `input_rois`
    TRAIN_ROIS_PER_IMAGE = 200
    ROI_POSITIVE_RATIO = 0.33
    MASK_ROIS = "possible"  # or "positive": see above
    MASK_ROIS_PER_IMAGE = None  # see above
    BBOX_STD_DEV = (0.1, 0.1, 0.2, 0.2)

    # Heads
    POOL_SIZE = 7
    MASK_POOL_SIZE = 14
    MASK_SHAPE = (28, 28)
    MASK_CHANNELS = 256

    # Detections
    DETECTION_MAX_INSTANCES = 100
    DETECTION_MIN_CONFIDENCE = 0.7
    DETECTION_NMS_THRESHOLD = 0.3

    # Optimisation
    LEARNING_RATE = 0.001
    LEARNING_MOMENTUM = 0.9
    WEIGHT_DECAY = 0.0001
    GRADIENT_CLIP_NORM = 5.0  # of all gradients together
    LOSS_WEIGHTS = {name: 1.0 for name in LOSS_NAMES}

    _declared_image_shape = None

    def __init_subclass__(cls):
        """Refuse options that follow from others; IMAGE_SHAPE in a subclass means the same as the keyword."""
        for name in {*LEFT_OUT, *FOLLOWS} & set(vars(cls)):
            raise ValueError(f"{cls.__name__}: option {name}: {LEFT_OUT.get(name) or 'set ' + FOLLOWS[name]}")
        if "IMAGE_SHAPE" in vars(cls):
            cls._declared_image_shape = cls.IMAGE_SHAPE
            del cls.IMAGE_SHAPE

    def __init__(self, **options):
        self._image_shape = None
        image_shape = options.pop("IMAGE_SHAPE", self._declared_image_shape)
        for name, value in options.items():
            if name in LEFT_OUT:
                raise ValueError(f"option {name} is left out: {LEFT_OUT[name]}")
            if name in FOLLOWS:
                raise ValueError(f"option {name} follows from others: set {FOLLOWS[name]}")
            if name not in self.names():
                near = difflib.get_close_matches(name, self.names(), 1)
                raise ValueError(f"unknown option {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
            setattr(self, name, value)
        if image_shape is not None:
            self._set_image_shape(tuple(int(n) for n in image_shape), options)
        self.LOSS_WEIGHTS = {**{name: 1.0 for name in LOSS_NAMES}, **self.LOSS_WEIGHTS}
        self.check()

    def __setattr__(self, name, value):
        if name in FOLLOWS or name == "IMAGE_SHAPE":
            raise ValueError(f"option {name} follows from others: set {FOLLOWS.get(name) or IMAGE_SHAPE_ADVICE}")
        super().__setattr__(name, value)

    def _set_image_shape(self, shape, options):
        if len(shape) != 3:
            raise ValueError(f"IMAGE_SHAPE: expected (height, width, channels), got {shape}")
        self._image_shape = shape
        self.IMAGE_CHANNEL_COUNT = shape[2]
        if "IMAGE_MAX_DIM" not in options:
            self.IMAGE_MAX_DIM = max(shape[:2])
        if "IMAGE_MIN_DIM" not in options:
            self.IMAGE_MIN_DIM = min(self.IMAGE_MIN_DIM, *shape[:2])
        if shape[0] != shape[1] and "IMAGE_RESIZE_MODE" not in options:
            self.IMAGE_RESIZE_MODE = "none"

    @property
    def BATCH_SIZE(self):
        return self.GPU_COUNT * self.IMAGES_PER_GPU

    @property
    def IMAGE_SHAPE(self):
        """(height, width, channels) of the molded image [px]; boxes and anchors are relative to it."""
        if self._image_shape is not None:
            return self._image_shape
        side = self.IMAGE_MIN_DIM if self.IMAGE_RESIZE_MODE == "crop" else self.IMAGE_MAX_DIM
        return (int(side), int(side), int(self.IMAGE_CHANNEL_COUNT))

    @property
    def IMAGE_META_SIZE(self):
        """image id, original shape (3), molded shape (3), window (4), scale, one flag a class."""
        return 12 + self.NUM_CLASSES

    @property
    def input_shape(self):
        """(H, W, C) of what the network sees: the image, or the feature map in place of stage 1."""
        return tuple(self.FEATURE_MAP_SHAPE) if self.FEATURE_MAP_SHAPE is not None else self.IMAGE_SHAPE

    @property
    def any_size(self):
        """Whether `detect` takes molded pictures of any height and width: those that are not resized to IMAGE_SHAPE."""
        return self.IMAGE_RESIZE_MODE in ("none", "pad64") and self.FEATURE_MAP_SHAPE is None

    def of_size(self, height, width):
        """These options for molded pictures of another size [px]."""
        other = copy.copy(self)
        other._image_shape = height, width, self.IMAGE_CHANNEL_COUNT
        other.check()
        return other

    @property
    def feature_shapes(self):
        """[(height, width)] of P2..P6."""
        height, width = self.IMAGE_SHAPE[:2]
        return [(math.ceil(height / s), math.ceil(width / s)) for s in self.BACKBONE_STRIDES]

    @property
    def anchors_per_cell(self):
        """Scales x ratios, the same at each level."""
        return len(_sizes(self.RPN_ANCHOR_SCALES[0])) * len(self.RPN_ANCHOR_RATIOS)

    @property
    def max_positive_rois(self):
        """Most positive RoIs of an image in training; the mask head sees no others."""
        return int(self.TRAIN_ROIS_PER_IMAGE * self.ROI_POSITIVE_RATIO)

    @classmethod
    def names(cls):
        """All options, including those that a subclass added."""
        return [n for n in dir(cls) if n.isupper() and not isinstance(getattr(cls, n), property)]

    def to_dict(self):
        """Plain values; Config.from_dict(config.to_dict()) is equal."""
        plain = {name: _plain(getattr(self, name)) for name in self.names()}
        return plain if self._image_shape is None else {**plain, "IMAGE_SHAPE": list(self._image_shape)}

    @classmethod
    def from_dict(cls, values):
        """The inverse of to_dict; options that a subclass of your own added are kept."""
        own = {n: v for n, v in values.items() if n not in (*cls.names(), "IMAGE_SHAPE")}
        known = {n: v for n, v in values.items() if n not in own}
        return (type(cls.__name__, (cls,), own) if own else cls)(**known)

    def __str__(self):
        """One option a line."""
        names = sorted({*self.names(), "IMAGE_SHAPE", *FOLLOWS})
        return "\n".join(f"{name:30} {getattr(self, name)}" for name in names)

    def check(self):
        """Raise a ValueError that says what was expected and what came."""
        _one_of("BACKBONE", self.BACKBONE, BACKBONES)
        _one_of("IMAGE_RESIZE_MODE", self.IMAGE_RESIZE_MODE, RESIZE_MODES)
        _one_of("TRAIN_BN", self.TRAIN_BN, (False, None))
        _one_of("MASK_ROIS", self.MASK_ROIS, MASK_ROIS)
        most = self.MASK_ROIS_PER_IMAGE
        if most is not None and (isinstance(most, bool) or not isinstance(most, numbers.Integral) or most < 1):
            raise ValueError(f"MASK_ROIS_PER_IMAGE: expected None or a whole number from 1 on, got {most!r}")
        self._check_numbers()
        if self.NUM_CLASSES < 1:
            raise ValueError(f"NUM_CLASSES: expected at least 1, the background, got {self.NUM_CLASSES}")
        if set(self.LOSS_WEIGHTS) != set(LOSS_NAMES):
            raise ValueError(f"LOSS_WEIGHTS: expected the names {LOSS_NAMES}, got {tuple(self.LOSS_WEIGHTS)}")
        for name, length in (
            ("BACKBONE_STRIDES", 5),
            ("RPN_ANCHOR_SCALES", 5),
            ("RPN_BBOX_STD_DEV", 4),
            ("BBOX_STD_DEV", 4),
            ("MASK_SHAPE", 2),
            ("MINI_MASK_SHAPE", 2),
        ):
            if not hasattr(getattr(self, name), "__len__") or len(getattr(self, name)) != length:
                raise ValueError(f"{name}: expected {length} values, got {getattr(self, name)}")
        if len({len(_sizes(scales)) for scales in self.RPN_ANCHOR_SCALES}) > 1:
            raise ValueError(f"RPN_ANCHOR_SCALES: expected equally many a level, got {self.RPN_ANCHOR_SCALES}")
        for name in ("RESNET_BLOCKS", "RESNET_FILTERS"):
            if getattr(self, name) is not None and len(getattr(self, name)) != 4:
                raise ValueError(f"{name}: expected 4 values, of stages 2 to 5, got {getattr(self, name)}")
        if tuple(self.MASK_SHAPE) != (2 * self.MASK_POOL_SIZE,) * 2:
            side = 2 * self.MASK_POOL_SIZE
            raise ValueError(f"MASK_SHAPE: expected {(side, side)}, twice MASK_POOL_SIZE, got {self.MASK_SHAPE}")
        self._check_sizes()

    def _check_numbers(self):
        """Options that are numbers by default must be finite numbers, thresholds and the like from 0 to 1."""
        for name, default in vars(Config).items():
            if not name.isupper() or isinstance(default, bool) or not isinstance(default, int | float | tuple):
                continue
            for value in _leaves(getattr(self, name)):
                number = isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
                share = name.endswith(("THRESHOLD", "CONFIDENCE", "RATIO"))
                if not number or (share and not 0 <= value <= 1):
                    expected = "a number from 0 to 1" if share else "finite numbers"
                    raise ValueError(f"{name}: expected {expected}, got {getattr(self, name)!r}")

    def _check_sizes(self):
        """The pyramid's maps, each half the size of the one before, must have the sizes BACKBONE_STRIDES imply."""
        shape = self.input_shape
        if len(shape) != 3:
            raise ValueError(f"FEATURE_MAP_SHAPE: expected (height, width, channels), got {shape}")
        factor = 8 if self.FEATURE_MAP_SHAPE is not None else 32
        if shape[0] % factor or shape[1] % factor:
            raise ValueError(f"network input: expected height and width divisible by {factor}, got {shape[:2]}")
        first = factor // 8
        found = [(shape[0] // (first << i), shape[1] // (first << i)) for i in range(4)]
        found.append(tuple(-(-n // 2) for n in found[-1]))
        if found != self.feature_shapes:
            raise ValueError(
                f"BACKBONE_STRIDES {tuple(self.BACKBONE_STRIDES)} on an image of {self.IMAGE_SHAPE[:2]} give maps of "
                f"{self.feature_shapes}, but the network's maps are {found}"
            )


def _leaves(value):
    """The values in a list of any depth, or the value itself."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [leaf for inner in value for leaf in _leaves(inner)]
    return [value]


def _sizes(scales):
    return scales if isinstance(scales, tuple | list) else (scales,)


def _one_of(name, value, allowed):
    if not any(value is a or value == a and type(value) is type(a) for a in allowed):
        raise ValueError(f"{name}: expected one of {allowed}, got {value!r}")


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value
