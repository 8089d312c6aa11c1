"""TensorFlow's conv2d and its gradients, eagerly. https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/raw_ops"""

import tensorflow as tf

VERSION = tf.__version__

tf.compat.v1.enable_eager_execution()


def conv2d(input, filters, **options):
    attributes = _attributes(input.shape, filters.shape, **options)
    return tf.raw_ops.Conv2D(input=input, filter=filters, **attributes).numpy()


def conv2d_backprop_input(input_sizes, filters, out_backprop, **options):
    attributes = _attributes(input_sizes, filters.shape, **options)
    return tf.raw_ops.Conv2DBackpropInput(
        input_sizes=input_sizes, filter=filters, out_backprop=out_backprop, **attributes
    ).numpy()


def conv2d_backprop_filter(input, filter_sizes, out_backprop, **options):
    attributes = _attributes(input.shape, filter_sizes, **options)
    return tf.raw_ops.Conv2DBackpropFilter(
        input=input, filter_sizes=filter_sizes, out_backprop=out_backprop, **attributes
    ).numpy()


def _attributes(input_sizes, filter_sizes, strides, padding, dilations, groups):
    if input_sizes[3] != filter_sizes[2] * groups:  # it is not told of groups
        raise ValueError(
            f"input must have the channels of the filters times groups: {input_sizes[3]}, {filter_sizes[2]}, {groups}"
        )
    explicit = [] if isinstance(padding, str) else [0, 0, *padding[0], *padding[1], 0, 0]
    return {
        "strides": [1, *strides, 1],
        "dilations": [1, *dilations, 1],
        "padding": "EXPLICIT" if explicit else padding,
        "explicit_paddings": explicit,
    }
