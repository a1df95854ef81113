"""What the net does: which operations a traced forward pass executed, and what comes out of it."""

import math
from collections.abc import Mapping, Sequence

from grader.checks.context import Context
from grader.checks.result import CheckResult, count, failed, graded, passed, quoted, review
from grader.checks.unreached import unreached
from grader.evidence.model import ArchitectureClaim

DENSE_AIM = "A fully connected net: at least one hidden layer, and an activation between the layers."
CONVOLUTION_AIM = "A net that looks at images through convolutions, with layers whose sizes fit together."


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MATMULS = _words(
    """
    linear addmm mm matmul bmm baddbmm addmv mv einsum addbmm _addmm_activation _int_mm dot tensordot bilinear
    """
)
LINEAR_OPERATIONS = _words(
    """
    t transpose permute view _unsafe_view reshape _reshape_alias flatten unflatten squeeze unsqueeze expand
    clone contiguous detach alias lift_fresh to _to_copy copy_ cat stack split split_with_sizes chunk slice
    select index_select narrow as_strided unbind add add_ sub sub_ rsub neg sum mean native_batch_norm
    _native_batch_norm_legit_no_training cudnn_batch_norm batch_norm _batch_norm_no_update batch_norm_no_stats
    dropout native_dropout feature_dropout alpha_dropout empty empty_like zeros zeros_like ones ones_like full
    fill_ zero_ scalar_tensor arange avg_pool2d _adaptive_avg_pool2d adaptive_avg_pool2d constant_pad_nd pad
    movedim numpy_T
    """
)
ACTIVATIONS = _words(
    """
    relu relu_ leaky_relu leaky_relu_ elu elu_ selu celu gelu gelu_ silu silu_ mish sigmoid sigmoid_ tanh tanh_
    hardtanh hardtanh_ hardswish hardswish_ hardsigmoid hardsigmoid_ softplus log_sigmoid_forward prelu
    _prelu_kernel rrelu rrelu_with_noise glu threshold threshold_ clamp clamp_ clamp_min clamp_min_ maximum max
    sin cos abs _softmax _log_softmax max_pool2d_with_indices max_pool2d softshrink hardshrink where exp
    """
)
ACTIVATION_WORDS = (
    "relu",
    "elu",
    "gelu",
    "silu",
    "mish",
    "sigmoid",
    "tanh",
    "swish",
    "softplus",
    "softsign",
    "shrink",
    "threshold",
    "glu",
    "maxpool",
)
LINEAR_TO_ROUNDING = 1e-6
FAIR = (
    "It reaches the held-out level for full marks all the same, and has those points; this criterion is only about the "
    "kind of net that the task is there to try out."
)
UNRUN_SHARE = 0.75
MOST_LISTED = 400  # weights by name


def dense(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """Matrix products with parameters, and something non-linear between them."""
    if (gate := ctx.without_claims(DENSE_AIM)) is not None:
        return gate
    net = ctx.architecture
    return _no_net(ctx, DENSE_AIM) if net is None else _as_a_whole(ctx, net, _dense(ctx, net, params))


def _as_a_whole(ctx: Context, net: ArchitectureClaim, found: CheckResult) -> CheckResult:
    """``found``, with what it lacks left open where the optimiser moves weights outside of this net as well: code may
    call several parts one after the other, of which one only was looked at."""
    held, listed = ctx.episode.optimiser.parameter_tensors if ctx.episode is not None else 0, net.parameter_list
    inside = sum(parameter.in_optimiser for parameter in listed)
    if found.share >= 1 or len(listed) >= MOST_LISTED or not held > inside > 0:
        return found
    told = "The optimiser moves other weights as well, so this may be one part of a larger net."
    return review(aim=found.aim, found=f"{found.found} {told}", share=found.share)


def _dense(ctx: Context, net: ArchitectureClaim, params: Mapping[str, float]) -> CheckResult:
    names = [operation.name for operation in net.operations]
    if net.trace_error is not None or not names:
        return _dense_by_layers(ctx, net, params)
    layers = [i for i, name in enumerate(names) if name in MATMULS or "conv" in name]
    hidden = max(0, len(layers) - 1)
    if len(layers) < params["min_layers"]:
        return graded(
            params["linear_share"] if layers else 0.0,
            aim=DENSE_AIM,
            found=f"{count(len(layers), 'layer')} with weights and {count(hidden, 'hidden layer')}.",
            gap=_fairly(ctx, f"At least {params['min_layers']:g} layers with weights are expected."),
            next=(
                "Draw the net on paper: inputs, hidden units, outputs. What does the net have between its inputs and "
                "its outputs?"
            ),
        )
    if _is_linear(net, names[layers[0] + 1 : layers[-1]]):
        return graded(
            params["linear_share"],
            aim=DENSE_AIM,
            found=f"{count(len(layers), 'layer')} with weights and nothing but sums and products between them.",
            gap=_fairly(ctx, "However many such layers follow each other, together they are one straight-line map."),
            next=(
                "Feed the net a, b and a + b - c for some rows c, and compare the outputs. What does a net need so "
                "that these no longer add up?"
            ),
        )
    return passed(
        DENSE_AIM,
        (
            f"{count(len(layers), 'layer')} with weights, {count(hidden, 'hidden layer')}, activations between them, "
            f"{count(net.parameters, 'parameter')}."
        ),
    )


def _fairly(ctx: Context, gap: str) -> str:
    """A gap in the kind of net, beside what the net can do in spite of it."""
    return f"{gap} {FAIR}" if ctx.reached_level else gap


def _is_linear(net: ArchitectureClaim, between: Sequence[str]) -> bool:
    if any(name in ACTIVATIONS for name in between):
        return False
    unknown = any(name not in LINEAR_OPERATIONS and name not in MATMULS and "conv" not in name for name in between)
    affine = net.linearity is not None and net.linearity < LINEAR_TO_ROUNDING
    return affine if unknown else net.linearity is None or affine or _bounded_only_at_the_end(net)


def _bounded_only_at_the_end(net: ArchitectureClaim) -> bool:
    """Nothing non-linear stands between the layers, so what bends the map is the last step, such as a softmax."""
    return any(operation.name in ACTIVATIONS for operation in net.operations[-4:])


def _dense_by_layers(ctx: Context, net: ArchitectureClaim, params: Mapping[str, float]) -> CheckResult:
    kinds = [layer.kind.lower() for layer in net.layers]
    layers = sum("linear" in kind or "conv" in kind for kind in kinds)
    active = any(word in kind for kind in kinds for word in ACTIVATION_WORDS)
    found = f"{count(layers, 'layer')} with weights are defined"
    if layers >= params["min_layers"] and (active or not ctx.trained):
        return _unrun(ctx, net, DENSE_AIM, found)
    if not ctx.trained:
        return graded(
            params["linear_share"] if layers else 0.0,
            aim=DENSE_AIM,
            found=found + ".",
            gap=_trace_text(net),
            next="Pass one batch through the net and print the shape of what comes out.",
        )
    return review(
        aim=DENSE_AIM, found=f"{found}; what the net does between them could not be traced. {_trace_text(net)}".strip()
    )


def _unrun(ctx: Context, net: ArchitectureClaim, aim: str, found: str) -> CheckResult:
    if ctx.trained:
        return passed(aim, found + ", with activations.")
    unrun = graded(
        UNRUN_SHARE,
        aim=aim,
        found=f"{found}, but no batch has passed through them.",
        gap=_trace_text(net) or "Whether the sizes fit is not known.",
        next="Pass one batch through the net and print the shape of what comes out.",
    )
    return unreached(ctx, unrun)


def _trace_text(net: ArchitectureClaim) -> str:
    return quoted(net.trace_error) if net.trace_error else ""


def convolutional(ctx: Context, params: Mapping[str, float]) -> CheckResult:
    """Convolutions were executed (unfolded patches times weights are convolutions too)."""
    if (gate := ctx.without_claims(CONVOLUTION_AIM)) is not None:
        return gate
    net = ctx.architecture
    return _no_net(ctx, CONVOLUTION_AIM) if net is None else _as_a_whole(ctx, net, _convolutional(ctx, net, params))


def _convolutional(ctx: Context, net: ArchitectureClaim, params: Mapping[str, float]) -> CheckResult:
    names = [operation.name for operation in net.operations]
    traced = net.trace_error is None and bool(names)
    kinds = names if traced else [layer.kind.lower() for layer in net.layers]
    convolutions = sum("conv" in name or name in ("im2col", "unfold") for name in kinds)
    weights = sum(name in MATMULS or "linear" in name for name in kinds)
    found = (
        f"{count(convolutions, 'convolution')} and {count(weights, 'fully connected layer')}, "
        f"{count(net.parameters, 'parameter')}"
    )
    if convolutions < params["min_convolutions"]:
        return graded(
            params["dense_share"] if weights or convolutions else 0.0,
            aim=CONVOLUTION_AIM,
            found=found + ".",
            gap=_fairly(ctx, "The net does not look at neighbouring pixels together."),
            next=(
                "Shift an image by two pixels and compare the outputs. Which kind of layer sees the same thing at "
                "every place?"
            ),
        )
    if (
        traced
        and net.linearity is not None
        and net.linearity < LINEAR_TO_ROUNDING
        and not any(name in ACTIVATIONS for name in names)
    ):
        return graded(
            0.5,
            aim=CONVOLUTION_AIM,
            found=found + ", and nothing non-linear.",
            gap=_fairly(ctx, "Layers without activations are together one straight-line map."),
            next="Look at what happens between one layer and the next. What makes two layers more than one?",
        )
    if not traced:
        return _unrun(ctx, net, CONVOLUTION_AIM, found)
    return passed(CONVOLUTION_AIM, found + ".")


def outputs(ctx: Context, _params: Mapping[str, float]) -> CheckResult:
    """As many outputs as classes or quantities, in the net itself or at the loss."""
    wanted = ctx.spec.outputs
    what = "class" if ctx.classifies else "quantity"
    aim = f"The net gives {count(wanted, 'number')} per item: one for each {what}."
    if (gate := ctx.without_claims(aim)) is not None:
        return gate
    widths = _widths(ctx)
    if wanted in widths:
        return passed(aim, f"{count(wanted, 'output')} per item.")
    if not widths:
        return _no_outputs(ctx, aim)
    width = widths[0]
    if width < wanted and ctx.beats_guessing and not ctx.classifies:
        return passed(aim, "The held-out predictions have the right form.")
    return graded(
        0.3 if width > wanted and ctx.classifies else 0.0,
        aim=aim,
        found=f"{count(width, 'output')} per item.",
        gap=f"{count(wanted, 'output')} are expected.",
        next=(
            "Print the shape of the output for one batch. Which layer sets its last number, and is it the layer the "
            "data really passes?"
        ),
    )


def _no_outputs(ctx: Context, aim: str) -> CheckResult:
    if ctx.trained and ctx.beats_guessing:
        return passed(aim, "The held-out predictions have the right form.")
    if ctx.architecture is None:
        return _no_net(ctx, aim)
    if ctx.trained:
        return review(aim=aim, found="What comes out of the net was not recorded.")
    found = failed(
        aim=aim,
        found="No output of the net was seen yet.",
        next="Pass one batch through the net and print the shape of what comes out.",
    )
    return unreached(ctx, found)


def _widths(ctx: Context) -> list[int]:
    """Numbers per item that come out of the net or reach the loss, as far as they were seen."""
    net, found = ctx.architecture, []
    if net is not None and net.output_shape:
        found.append(_width(net.output_shape))
    for name in ("train_loss_inputs", "eval_loss_inputs", "train_outputs", "eval_outputs"):
        array = ctx.evidence.arrays.get(name)
        if array is not None and array.ndim:
            found.append(_width(list(array.shape)))
    found += [_width(loss.input_shape) for loss in ctx.train_losses if loss.input_shape]
    return [width for width in found if width > 0]


def _width(shape: Sequence[int]) -> int:
    return math.prod(shape[1:]) if len(shape) > 1 else 1


def _no_net(ctx: Context, aim: str) -> CheckResult:
    if (gate := ctx.unfollowed(aim)) is not None:
        return gate
    if ctx.trained:
        return review(aim=aim, found="A net was trained, but the run ended before it could be looked at.")
    found = failed(
        aim=aim,
        found="Not attempted yet: no net with weights was called.",
        next="Write the net as a class or a Sequential, make one, and pass a single batch through it.",
    )
    return unreached(ctx, found)
