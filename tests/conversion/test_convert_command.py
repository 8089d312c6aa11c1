"""`compare --model`: what a user types and sees, with a case or a layer of torch; and models that cannot be judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_writer
import pytest
from onnx_writer import node
from typer.testing import CliRunner

from reference_impl.cli import app
from reference_impl.conversion import onnx_file

SPEC = "n1_h7w10c3_k3x2o4_s2x3_SAME"


def run(*words):
    result = CliRunner().invoke(app, ["compare", *map(str, words)], terminal_width=200)
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def filters():
    return np.random.default_rng(0).standard_normal((3, 2, 3, 4)).astype(np.float32)


@pytest.fixture
def words(tmp_path, filters):
    """The options of a case with its filters, for a model at `model.onnx`."""
    np.save(tmp_path / "w.npy", filters)
    return ["--model", tmp_path / "model.onnx", "--case", SPEC, "--filters", tmp_path / "w.npy"]


def written(words, filters, *, nodes=None, shape=(1, 3, 7, 10), **attributes):
    attributes = {"strides": [2, 3], "auto_pad": "SAME_UPPER", **attributes}
    nodes = nodes or [node("Conv", "images weights", "answer", "first", **attributes)]
    return onnx_writer.write(words[1], nodes, {"weights": filters.transpose(3, 2, 0, 1)}, shape)


def test_right_model_of_a_case_says_so(words, filters):
    written(words, filters)
    status, said = run(*words)
    assert status == 0
    assert said.startswith(f"RIGHT model.onnx is {SPEC} 512 elements of 8 integer images of 7 x 10: equal to the bit")
    assert "computed by ONNX's definition" in said


def test_wrong_model_says_the_mistake_and_the_option_that_differs(words, filters):
    written(words, filters, strides=[3, 2])
    status, said = run(*words)
    assert status == 1
    assert said.startswith(
        f"WRONG model.onnx is not {SPEC} the output must be N H W C = (8, 4, 4, 4); it is (8, 3, 5, 4)"
    )
    assert "*strides-exchanged*: The strides of height and width are exchanged." in said
    assert "strides: the model says [3, 2], and the layer needs [2, 3]" in said


def test_model_that_cannot_be_computed_is_wrong_and_says_what_differs(words, filters):
    """Filters of fewer input channels than the image, as of a group, without the groups."""
    written(words, filters[:, :, :1])
    status, said = run(*words)
    assert status == 1
    assert "Conv 'first' cannot be computed: filters's third axis must be the input channels / groups" in said
    assert "filters (H W I O): the model says [3, 2, 1, 4], and the layer needs [3, 2, 3, 4]" in said


def test_transposed_model_of_a_plain_layer_is_wrong(words, filters):
    written(words, filters, nodes=[node("ConvTranspose", "images weights", "answer")])
    assert run(*words)[1].startswith(f"WRONG model.onnx is not {SPEC} the model holds a transposed convolution")


def test_model_of_more_channels_is_told_by_their_number(words, filters):
    path, more = words[1], np.concatenate([filters, filters], -1)
    nodes = [node("Conv", "images weights", "answer", strides=[2, 3], auto_pad="SAME_UPPER")]
    onnx_writer.write(path, nodes, {"weights": more.transpose(3, 2, 0, 1)}, (1, 3, 7, 10))
    assert "*other-channels*: The model gives 8 channels, and the layer 4." in run(*words)[1]


def test_one_of_two_convolutions_is_named_by_its_node(words, filters):
    nodes = [
        node("Conv", "images weights", "middle", "first", strides=[2, 3], auto_pad="SAME_UPPER"),
        node("Conv", "middle weights", "answer", "second"),
    ]
    written(words, filters, nodes=nodes)
    status, said = run(*words)
    assert status == 2
    assert "give --node with the name of one convolution" in said
    assert "Conv 'first', Conv 'second'" in said
    assert run(*words, "--node", "first")[0] == 0
    assert run(*words, "--node", "second")[0] == 1


BAD = {
    "no convolution": ([node("Identity", "images", "answer")], "must hold a Conv or ConvTranspose; it holds none"),
    "quantised": ([node("QLinearConv", "images", "answer")], "it holds none; QLinearConv cannot be checked"),
    "computed weights": (
        [node("Identity", "weights", "w"), node("Conv", "images w", "answer")],
        "the weights of Conv 'answer' must be constants of the model; they are computed",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_model_without_a_convolution_to_judge_is_bad_usage(words, filters, name):
    nodes, said = BAD[name]
    written(words, filters, nodes=nodes)
    status, output = run(*words)
    assert (status, said in output) == (2, True), output


def test_unknown_node_is_named_with_what_to_do(words, filters):
    nodes = [node("Conv", "images weights", "middle"), node("Relu", "middle", "answer", "last")]
    written(words, filters, nodes=nodes)
    assert "no other nodes than" in run(*words)[1]
    assert "it holds Relu 'last'" in run(*words)[1]


@pytest.mark.parametrize("cut", [0, 1, 7, 40, 90, -1])
def test_damaged_file_is_bad_usage(words, filters, cut):
    path = written(words, filters)
    path.write_bytes(path.read_bytes()[:cut])
    status, said = run(*words)
    assert status == 2
    assert "must be an ONNX model" in said


@pytest.mark.parametrize("seed", range(12))
def test_random_bytes_end_with_a_message(words, filters, seed):
    """A few bytes are changed: the model is judged, or refused with a message, and nothing else."""
    path, rng = written(words, filters), np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for place in rng.integers(0, 80, 3):
        data[place] = rng.integers(256)
    path.write_bytes(data)
    assert run(*words)[0] in (0, 1, 2)


USAGE = {
    "": "give DIR and RESULTS; or --model",
    "--model a.onnx": "give one of --layer and --case",
    "--model a.onnx --case n1_h5w5c1_k3o1": "--case needs --filters",
    "--model a.onnx --layer b.py:c --filters d.npy": "--filters and --bias belong to --case",
    "--model a.h5 --case {spec} --filters {w}": "must be a .onnx or .tflite file; not 'a.h5'",
    "--model {m} --case n1_h5w5c1_k3o1 --filters {w}": "filters must be HWIO of shape (3, 3, 1, 1)",
    "--model {m} --case {spec} --filters {m}": "must be a .npy file of numbers",
    "--model {m} --case {spec} --filters {w} --bias {w}": "bias must have a number for each of the 4 output channels",
    "--model {m} --case {spec} --filters {w} --layout HWCN": "must be one of NCHW, NHWC; not 'HWCN'",
    "--model {m} --layer none.py:layer": "none.py must be a file of Python: there is none",
}


@pytest.mark.parametrize("line", USAGE)
def test_bad_usage_says_what_must_hold(words, filters, line):
    written(words, filters)
    given = line.format(spec=SPEC, w=words[5], m=words[1]).split()
    status, said = run(*given)
    assert status == 2
    assert USAGE[line] in said


def test_numbers_beside_the_model_are_read_and_others_are_not(tmp_path, filters):
    """torch's exporter writes the weights of a model to a second file."""
    weights = np.ascontiguousarray(filters.transpose(3, 2, 0, 1))
    (tmp_path / "model.data").write_bytes(weights.tobytes())
    for place, said in {"model.data": None, "../model.data": "must be in a file beside the model"}.items():
        pairs = [
            (13, onnx_writer._message((1, key.encode()), (2, value.encode())))
            for key, value in {"location": place, "offset": "0", "length": str(weights.nbytes)}.items()
        ]
        head = [(1, size) for size in weights.shape]
        outside = onnx_writer._message(*head, (2, 1), (8, b"weights"), *pairs)
        graph = onnx_writer._message((1, node("Conv", "images weights", "answer")), (5, outside))
        path = tmp_path / "model.onnx"
        path.write_bytes(onnx_writer._message((7, graph)))
        if said is None:
            assert np.array_equal(onnx_file.read(path).constants["weights"], weights)
        else:
            with pytest.raises(ValueError, match=said):
                onnx_file.read(path)


LAYERS = """
import torch

torch.manual_seed(0)
conv = torch.nn.Conv2d(3, 4, (3, 2), stride=(2, 3), padding=(1, 0))
net = torch.nn.Sequential(conv, torch.nn.ReLU())
two = torch.nn.Sequential(conv, torch.nn.Conv2d(4, 4, 1))
grouped = torch.nn.Conv2d(4, 6, (3, 2), dilation=(1, 2), groups=2, padding="same")
transposed = torch.nn.ConvTranspose2d(4, 6, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(0, 1), groups=2)
circular = torch.nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular")


def made():
    return conv


text = "no layer"
"""


@pytest.fixture
def layers(tmp_path):
    (tmp_path / "layers.py").write_text(LAYERS)
    return tmp_path / "layers.py"


def of_torch(path, module, **attributes):
    """Write a layer of torch as ONNX takes it: its weight as it is."""
    kind = "ConvTranspose" if type(module).__name__ == "ConvTranspose2d" else "Conv"
    constants = {"weights": module.weight.detach().numpy(), "bias": module.bias.detach().numpy()}
    nodes = [node(kind, "images weights bias", "answer", group=module.groups, **attributes)]
    return onnx_writer.write(path, nodes, constants, (None, module.in_channels, None, None))


@pytest.mark.framework("torch")
@pytest.mark.parametrize("name", ["conv", "net", "made"])
def test_layer_of_torch_is_read_with_its_weights(tmp_path, layers, name):
    from reference_impl.backends.entry_points import named

    words = {"strides": [2, 3], "pads": [1, 0, 1, 0]}
    model = of_torch(tmp_path / "model.onnx", named(f"{layers}:conv"), **words)
    status, said = run("--model", model, "--layer", f"{layers}:{name}")
    assert status == 0, said
    assert "RIGHT model.onnx is torch.nn.Conv2d(3, 4, kernel_size=(3, 2), stride=(2, 3), padding=(1, 0))" in said
    assert run("--model", model, "--layer", f"{layers}:{name}", "--input", "9x14")[0] == 0


@pytest.mark.framework("torch")
@pytest.mark.parametrize("word", ["RIGHT", "WRONG"])
def test_page_shows_what_is_printed(tmp_path, word):
    from reference_impl.backends.entry_points import named

    text = "Conv2d(3, 4, (3, 2), stride=(2, 1), padding=(1, 0))"
    (tmp_path / "mine.py").write_text(f"import torch\ntorch.manual_seed(0)\nlayer = torch.nn.{text}\n")
    strides = [2, 1] if word == "RIGHT" else [1, 2]
    constants = {
        "weights": named(f"{tmp_path / 'mine.py'}:layer").weight.detach().numpy(),
        "bias": named(f"{tmp_path / 'mine.py'}:layer").bias.detach().numpy(),
    }
    nodes = [node("Conv", "images weights bias", "answer", strides=strides, pads=[1, 0, 1, 0])]
    path = onnx_writer.write(tmp_path / "layer.onnx", nodes, constants, (1, 3, 8, 9))
    words = ["compare", "--model", str(path), "--layer", f"{tmp_path / 'mine.py'}:layer"]
    printed = CliRunner().invoke(app, words, env={"COLUMNS": "200"}).output
    page = Path(__file__).parents[2].joinpath("docs/conversion.md").read_text("utf-8")
    assert f"```text\n{printed}```\n" in page


@pytest.mark.framework("torch")
def test_grouped_and_transposed_layers_of_torch_are_read(tmp_path, layers):
    from reference_impl.backends.entry_points import named

    grouped = of_torch(
        tmp_path / "g.onnx", named(f"{layers}:grouped"), dilations=[1, 2], pads=[1, 1, 1, 1], kernel_shape=[3, 2]
    )
    assert run("--model", grouped, "--layer", f"{layers}:grouped")[0] == 0
    words = {"strides": [2, 3], "pads": [1, 0, 1, 0], "output_padding": [0, 1]}
    transposed = of_torch(tmp_path / "t.onnx", named(f"{layers}:transposed"), **words)
    assert run("--model", transposed, "--layer", f"{layers}:transposed")[0] == 0
    lost = of_torch(tmp_path / "t.onnx", named(f"{layers}:transposed"), **{**words, "output_padding": [0, 0]})
    assert "*output-padding-lost*" in run("--model", lost, "--layer", f"{layers}:transposed")[1]


@pytest.mark.framework("torch")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("two", "Sequential must hold one Conv2d or ConvTranspose2d; it holds 2"),
        ("text", "must be a layer of torch or Keras, or a function that makes one"),
        ("circular", 'padding_mode must be "zeros"'),
        ("none", "has no none"),
    ],
)
def test_layer_that_is_no_convolution_is_bad_usage(tmp_path, layers, words, filters, name, said):
    written(words, filters)
    status, output = run("--model", words[1], "--layer", f"{layers}:{name}")
    assert (status, said in output) == (2, True), output
