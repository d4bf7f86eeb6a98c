"""What functions are called in other libraries: the names that a person who knows those writes at first."""

from __future__ import annotations

__all__ = ["CALLED", "CALLED_ELSEWHERE", "MODULES", "here", "of_module"]

# Modules whose functions a person writes with a dot.
MODULES = frozenset({
    "np", "numpy", "torch", "F", "nn", "math", "tf", "jnp", "jax", "tnp", "keras", "optim", "layers", "tensorflow", "scipy", "sklearn",
})  # fmt: skip

# Functions that are written without brackets on paper.
CALLED = frozenset({"tanh", "sigmoid", "relu", "exp", "log", "sqrt", "sin", "cos", "tan", "abs", "softmax", "sum", "mean", "max", "min"})

# A function of this language → what it is called elsewhere, in small letters and without `_`.
CALLED_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "dense": ("linear", "fullyconnected", "fc", "mlp"), "conv": ("conv2d", "conv1d", "convolution", "convolution2d"),
    "embedding": ("embed", "lookup"), "layer_norm": ("layernorm", "layernormalization"),
    "rms_norm": ("rmsnorm", "rmsnormalization"),
    "batch_norm": ("batchnorm1d", "batchnorm2d", "batchnormalization", "bn"), "group_norm": ("groupnorm", "groupnormalization"),
    "multi_head_attention": ("multiheadattention", "mha"), "transformer_block": ("transformerencoderlayer", "encoderlayer"),
    "max_pool2d": ("maxpool2d", "maxpooling2d", "maxpool"), "max_pool1d": ("maxpool1d", "maxpooling1d"),
    "avg_pool2d": ("avgpool2d", "averagepooling2d", "avgpool", "avgpooling2d"), "avg_pool1d": ("avgpool1d",),
    "silu": ("swish",), "leaky_relu": ("leakyrelu", "lrelu"), "sigmoid": ("logistic", "expit", "sigm"),
    "softmax": ("softargmax",), "log_softmax": ("logsoftmax",), "log_sigmoid": ("logsigmoid",), "hard_tanh": ("hardtanh",),
    "hard_sigmoid": ("hardsigmoid",), "hard_swish": ("hardswish",),
    "squared_error": ("mse", "mseloss", "meansquarederror", "l2loss", "squareerror"),
    "absolute_error": ("mae", "l1loss", "meanabsoluteerror", "l1"), "huber": ("huberloss", "smoothl1loss"),
    "cross_entropy": (
        "crossentropy", "crossentropyloss", "softmaxcrossentropy", "sparsecategoricalcrossentropy", "categoricalcrossentropy", "ce", "xent",
        "softmaxcrossentropywithlogits", "sparsesoftmaxcrossentropywithlogits",
    ),
    "nll": ("nllloss", "negativeloglikelihood"), "kl_divergence": ("kldiv", "kldivloss", "kl", "kldivergenceloss"),
    "binary_cross_entropy": ("bce", "bceloss", "binarycrossentropyloss"),
    "binary_cross_entropy_with_logits": ("bcewithlogits", "bcewithlogitsloss", "sigmoidcrossentropy", "sigmoidcrossentropywithlogits"),
    "hinge": ("hingeloss", "marginrankingloss"),
    "glorot_uniform": ("xavieruniform", "xavier", "glorot"), "glorot_normal": ("xaviernormal",),
    "he_uniform": ("kaiminguniform",), "he_normal": ("kaimingnormal", "kaiming", "he"), "lecun_normal": ("lecun",),
    "truncated_normal": ("truncnormal",), "normal": ("randn", "gaussian", "randomnormal"),
    "uniform": ("rand", "random", "randomuniform"),
    "cosine": ("cosinedecay", "cosineannealing", "cosineannealinglr"), "step_decay": ("steplr", "stepdecay", "multisteplr"),
    "exponential": ("exponentiallr", "exponentialdecay"), "one_cycle": ("onecyclelr",), "linear": ("lineardecay", "linearlr"),
    "standardize": ("standardscaler", "normalize", "normalise", "zscore", "scale"),
    "min_max": ("minmaxscaler", "minmaxscale", "rescale"),
    "concat": ("cat", "concatenate", "hstack", "vstack"), "transpose": ("permute",), "reshape": ("view",),
    "expand_dims": ("unsqueeze", "newaxis"), "clip": ("clamp", "clipbyvalue"), "matmul": ("mm", "bmm"), "log": ("ln",),
    "logsumexp": ("logsumexponential",), "max": ("amax",), "min": ("amin",), "mean": ("average", "avg", "reducemean"),
    "sum": ("reducesum", "add_up"), "asin": ("arcsin",), "acos": ("arccos",), "atan": ("arctan",), "atan2": ("arctan2",),
    "sign": ("sgn",), "abs": ("absolute", "fabs"), "rsqrt": ("invsqrt",), "one_hot": ("onehotencode", "tocategorical"),
    "broadcast_to": ("expand",), "flip": ("reverse",), "prod": ("product",), "adamw": ("adamweightdecay",),
    "sgd": ("gradientdescent",),
    "identity": ("id", "noop"),
    "a ^ b": ("pow", "power"), "a * b": ("mul", "multiply", "times"), "a + b": ("add", "plus"),
    "a - b": ("sub", "subtract", "minus"),
    "a / b": ("div", "divide", "truedivide"), "dim(x, 0)": ("len",),
}  # fmt: skip
_HERE = {word: name for name, words in CALLED_ELSEWHERE.items() for word in words}


def here(name: str) -> str | None:
    """What a function that another library calls `name` is called here; `a ^ b` where it is an operator; None where nothing is known."""
    return _HERE.get(name.lower().replace("_", ""))


def of_module(last: str) -> str:
    """What to write for a function of a library: `torch.relu`, `nn.Linear`."""
    meant = here(last)
    if meant is None:
        meant = last.lower() if not last.islower() else last
    return f"write `{meant}`" if " " in meant else f"write `{meant}(…)`"
