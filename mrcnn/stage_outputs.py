"""Outputs of every stage, for comparison with another implementation, by the names of the fixtures in tests/mrcnn."""

from keras import ops

INPUT_NAMES = {
    "in_image": "input_image",
    "in_meta": "input_image_meta",
    "in_rpn_match": "input_rpn_match",
    "in_rpn_bbox": "input_rpn_bbox",
    "in_gt_class_ids": "input_gt_class_ids",
    "in_gt_boxes": "input_gt_boxes",
    "in_gt_masks": "input_gt_masks",
    "in_rois": "input_rois",
    "anchors_norm": "input_anchors",
}


def _numpy(values):
    return {name: ops.convert_to_numpy(value) for name, value in values.items()}


def stages(model, molded_images, image_metas, anchors=None):
    """All outputs of inference, including the masks of all rows and classes, as NumPy arrays.

    molded_images (B, H, W, C), image_metas (B, 12 + classes), anchors (A, 4) or (B, A, 4), normalised, None for the
    model's own. -> C2..C5, P2..P6, rpn_class_logits, rpn_class, rpn_bbox, rpn_rois, mrcnn_class_logits, mrcnn_class,
    mrcnn_bbox, detections, mrcnn_mask
    """
    image = ops.convert_to_tensor(molded_images, "float32")
    metas = ops.convert_to_tensor(image_metas, "float32")
    anchors = None if anchors is None else ops.convert_to_tensor(anchors, "float32")
    outputs = model.inference_boxes(image, metas, anchors)
    maps = outputs.pop("maps")
    named = {f"C{i}": x for i, x in enumerate(outputs.pop("c_maps"), start=2)} | {
        f"P{i}": x for i, x in enumerate(maps, start=2)
    }
    return _numpy({**named, **outputs, "mrcnn_mask": model.masks(maps, outputs["detections"][..., :4])})


def training_losses(model, inputs):
    """Targets, outputs and losses of one batch, as NumPy arrays; RoIs are taken in their given order, not at random.

    inputs: in_image, in_meta, in_rpn_match, in_rpn_bbox, in_gt_class_ids, in_gt_boxes, in_gt_masks; in_rois if
    USE_RPN_ROIS is off; optionally anchors_norm. -> t_rois, t_class_ids, t_deltas, t_masks, loss_rpn_class,
    loss_rpn_bbox, loss_mrcnn_class, loss_mrcnn_bbox, loss_mrcnn_mask, loss_reg_all (of the weights that are trained),
    loss_total, and the network's out_* (out_mrcnn_mask holds the rows that can be positive).
    """
    inputs = {INPUT_NAMES[name]: ops.convert_to_tensor(value) for name, value in inputs.items() if name in INPUT_NAMES}
    outputs = model.training_outputs(inputs, seed=None)
    five = model.losses_of(inputs, outputs)
    named = {f"loss_{name.removesuffix('_loss')}": loss for name, loss in five.items()}
    named["loss_reg_all"] = model.weight_decay()
    named["loss_total"] = (
        sum(model.config.LOSS_WEIGHTS[name] * loss for name, loss in five.items()) + named["loss_reg_all"]
    )
    rest = model.config.TRAIN_ROIS_PER_IMAGE - model.config.max_positive_rois
    masks = ops.pad(outputs["target_masks"], [(0, 0), (0, rest), (0, 0), (0, 0)])
    named |= {"t_rois": outputs["target_rois"], "t_class_ids": outputs["target_class_ids"], "t_masks": masks}
    named["t_deltas"] = outputs["target_deltas"]
    named |= {f"out_{name}": outputs[name] for name in outputs if name.startswith(("rpn_", "mrcnn_"))}
    return _numpy(named)
