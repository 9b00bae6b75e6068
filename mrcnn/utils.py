"""What a user of Matterport's mrcnn.utils looks for: its functions, by its names, and its base class of data sets."""

import numpy as np

from mrcnn import data
from mrcnn.anchors import level_anchors as generate_anchors
from mrcnn.anchors import pyramid_anchors as generate_pyramid_anchors
from mrcnn.boxes import apply_box_deltas, box_refinement, compute_overlaps, denorm_boxes, norm_boxes
from mrcnn.masks import (
    compute_overlaps_masks,
    expand_mask,
    extract_bboxes,
    minimize_mask,
    resize,
    resize_mask,
    unmold_mask,
)
from mrcnn.metrics import compute_ap, compute_ap_range, compute_matches, compute_recall, trim_zeros
from mrcnn.molding import resize_image

__all__ = [
    "Dataset",
    "apply_box_deltas",
    "box_refinement",
    "compute_ap",
    "compute_ap_range",
    "compute_matches",
    "compute_overlaps",
    "compute_overlaps_masks",
    "compute_recall",
    "denorm_boxes",
    "expand_mask",
    "extract_bboxes",
    "generate_anchors",
    "generate_pyramid_anchors",
    "minimize_mask",
    "norm_boxes",
    "resize",
    "resize_image",
    "resize_mask",
    "trim_zeros",
    "unmold_mask",
]


class Dataset(data.Dataset):
    """Base class of a data set whose classes and pictures are added one by one; it can be given to Batches.

    Override `load_mask(i)`, and `load_image(i)` unless the pictures are files. Pictures and classes are numbered in the
    order in which they were added; class 0 is the background, BG. class_info, image_info: lists of what was added.
    """

    def __init__(self):
        self.class_info = [{"source": "", "id": 0, "name": "BG"}]
        self.image_info = []

    def add_class(self, source, class_id, class_name):
        """class_id: the source's own. A class that was added before is not added again."""
        if all((source, class_id) != (known["source"], known["id"]) for known in self.class_info):
            self.class_info.append({"source": source, "id": class_id, "name": class_name})

    def add_image(self, source, image_id, path, **info):
        """image_id: the source's own; path: None where load_image draws the picture; info: more to keep."""
        self.image_info.append({"source": source, "id": image_id, "path": path, **info})

    def prepare(self):
        """Check what was added; nothing else is left to do."""
        if len(self.class_info) < 2 or not self.image_info:
            n_classes, n_images = len(self.class_info) - 1, len(self.image_info)
            raise ValueError(f"expected at least one class and one picture, got {n_classes} and {n_images}")

    def __len__(self):
        return len(self.image_info)

    @property
    def image_ids(self):
        """0, 1, .. of the pictures: what load_image and load_mask take."""
        return np.arange(len(self))

    @property
    def num_images(self):
        return len(self)

    @property
    def class_ids(self):
        """0, 1, .. of the classes, background included."""
        return np.arange(self.num_classes)

    @property
    def num_classes(self):
        """Background included: the configuration's NUM_CLASSES."""
        return len(self.class_info)

    @property
    def class_names(self):
        return [info["name"] for info in self.class_info]

    def map_source_class_id(self, source_class_id):
        """Our id of a class written as "source.id"."""
        known = [f"{info['source']}.{info['id']}" for info in self.class_info]
        if source_class_id not in known:
            raise ValueError(f"source_class_id: expected one of {known[1:]}, got {source_class_id!r}")
        return known.index(source_class_id)

    def get_source_class_id(self, class_id, source):
        """The source's own id of one of its classes: the inverse of map_source_class_id."""
        info = self.class_info[class_id]
        if info["source"] != source:
            raise ValueError(f"class_id: expected a class of {source!r}, got {class_id}, of {info['source']!r}")
        return info["id"]

    def image_reference(self, i):
        """What leads a person to the source of picture i: its path, unless overridden."""
        return self.image_info[i]["path"] or ""

    def active_class_ids(self, i):
        """Background and the classes of picture i's source."""
        sources = "", self.image_info[i]["source"]
        return [class_id for class_id, info in enumerate(self.class_info) if info["source"] in sources]

    def load_image(self, i):
        """Picture uint8 (h, w, 3) of the file; grey becomes RGB, and an alpha channel is left out."""
        from skimage.io import imread

        image = imread(self.image_info[i]["path"])
        return np.repeat(image[..., None], 3, axis=-1) if image.ndim == 2 else image[..., :3]

    def load_mask(self, i):
        """Masks bool (h, w, N) and class ids int (N,)."""
        raise NotImplementedError(f"{type(self).__name__}.load_mask(i): expected masks (h, w, N) and class ids (N,)")
