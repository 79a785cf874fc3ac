"""Check your own adders and systems against their contracts, with the checks that seesum's own pass. For use in tests.

Each check raises an ``AssertionError`` whose message says what is wrong and what was expected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from seesum.base.environment import import_onnxruntime, with_own_torch_settings
from seesum.base.errors import InputError
from seesum.base.recipe import Recipe
from seesum.data.batches import scale_pixels
from seesum.data.idx import SIDE
from seesum.data.operations import ADDENDS, find_operation
from seesum.networks.adders import build_adder
from seesum.networks.contract import Adder, Output
from seesum.networks.network import Network
from seesum.networks.plugins import SystemLike, resolve_adder, resolve_system
from seesum.networks.systems import build_network
from seesum.reading.exporting import convert_network
from seesum.reading.onnx_graph import check_graph
from seesum.training.start import check_recipe

OPERATIONS_TRIED = ("add", "subtract", "multiply", "max", "add-modulo-10", "abs(d - a)", "d > a")
"""An adder must work for each of these, or refuse it with an ``InputError``."""
BATCH, FEATURES = 24, 12
CLOSE = 1e-4
"""Largest difference of probabilities that are the same but for rounding."""


@with_own_torch_settings
def check_adder(
    adder: str | type[Adder], operations: Iterable[str] = OPERATIONS_TRIED, *, export: bool = True
) -> tuple[str, ...]:
    """Check an adder with each operation: shapes, probabilities, gradients, batches, saving and loading, export.

    Args:
        adder: its class, its name, or a reference, ``file.py:NAME`` or ``package.module:NAME``.
        operations: names in ``OPERATIONS``, or formulas. The adder may refuse some with an ``InputError``, but not all.
        export: also compare with the exported ONNX graph, for the first operation that it accepts. This needs the extra
            ``export``, and takes seconds.

    Returns:
        The operations that the adder accepts.

    Raises:
        AssertionError: it breaks its contract.
        InputError: there is no such adder, it cannot be built, or it refuses every operation.
    """
    name = resolve_adder(adder)
    accepted: list[str] = []
    refusal: InputError | None = None
    for operation in operations:
        build = partial(_build_around, name, operation)
        try:
            network = _seeded(build)
        except InputError as error:
            refusal = error
            continue
        _check_network(network, build, f"the adder {name}", operation)
        if export and not accepted:
            _check_export(network, Recipe("", adder=name, operation=operation), f"the adder {name}")
        accepted.append(operation)
    if not accepted and refusal is not None:
        raise refusal
    return tuple(accepted)


@with_own_torch_settings
def check_system(system: SystemLike, *, export: bool = True) -> None:
    """Check a system with its own adder and operation: its recipe, and all that ``check_adder`` checks, with its encoder.

    Args:
        system: a ``System``, its name, a reference, or a module, its class, or what builds it, as in ``seesum.train``.
        export: as in ``check_adder``.

    Raises:
        AssertionError: it breaks its contract.
        InputError: there is no such system, it cannot be built, or its recipe cannot be trained.
    """
    recipe = resolve_system(system, "").recipe
    check_recipe(recipe)
    network = _seeded(lambda: build_network(recipe))
    what = f"the system {recipe.system}"
    _check_network(network, lambda: build_network(recipe), what, recipe.operation)
    if export:
        _check_export(network, recipe, what)


def _build_around(adder: str, operation: str) -> Network:
    """Return a network of a small encoder and an adder."""
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, FEATURES))
    return Network(encoder, build_adder(adder, FEATURES, find_operation(operation)))


def _seeded(build: Callable[[], Network], seed: int = 0) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def _make_inputs(count: int = BATCH) -> tuple[Tensor, Tensor]:
    """Return images [B, 1, 28, 28] and addends [B]."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 1, SIDE, SIDE, generator=generator), torch.arange(count) % ADDENDS


def _check_network(network: Network, build: Callable[[], Network], what: str, operation: str) -> None:
    _check_outputs(network, what, operation)
    _check_gradients(network, what, operation)
    network.eval()
    _check_batches(network, what)
    _check_precision(network, what)
    _check_saving(network, build, what)


def _check_outputs(network: Network, what: str, operation: str) -> None:
    image, addend = _make_inputs()
    classes = find_operation(operation).num_classes
    with torch.no_grad():
        output = network(image, addend)
    for name, logp, width in (("digit_logp", output.digit_logp, 10), ("sum_logp", output.sum_logp, classes)):
        shape, expected = tuple(logp.shape), (BATCH, width)
        assert shape == expected, f"{what} gives {name} of shape {shape} for {operation}; expected {expected}"
        assert logp.dtype == torch.float32, f"{what} gives {name} as {logp.dtype}; expected torch.float32"
        assert bool(torch.isfinite(logp).all()), f"{what} gives {name} that is not finite; keep log-probabilities above -1e30"
        apart = float((logp.exp().sum(1) - 1).abs().max())
        assert apart < CLOSE, f"{what} gives {name} whose probabilities add up to 1 +- {apart:.2g}; end with log_softmax"


def _check_gradients(network: Network, what: str, operation: str) -> None:
    image, addend = _make_inputs(2 * BATCH)
    digit = torch.arange(2 * BATCH) // ADDENDS
    answer = torch.from_numpy(find_operation(operation).tabulate())[digit, addend]
    network.train()
    network.zero_grad()
    output = network(image, addend)
    rows = torch.arange(len(addend))
    loss = -output.digit_logp[rows, digit].mean() - output.sum_logp[rows, answer].mean()
    loss.backward()
    grown = any(one.grad is not None and bool(one.grad.abs().sum() > 0) for one in network.encoder.parameters())
    learns = any(one.requires_grad for one in network.encoder.parameters())
    assert grown or not learns, f"{what} gives its encoder no gradient, so it cannot learn the digit"
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        assert parameter.grad is not None, f"{what} gives its parameter {name} no gradient; use it, or freeze it"
        assert bool(torch.isfinite(parameter.grad).all()), f"{what} gives its parameter {name} a gradient that is not finite"


def _check_batches(network: Network, what: str) -> None:
    """Each image is answered alone as in a batch, and the halves make the whole."""
    image, addend = _make_inputs(5)
    with torch.no_grad():
        whole = network(image, addend)
        halves = network.add(network.encode(image), addend)
        alone = [network(image[at : at + 1], addend[at : at + 1]) for at in range(5)]
    assert _is_close(whole, halves), f"{what} answers the same images differently a second time; switch chance off in eval()"
    single = Output(*(torch.cat(one) for one in zip(*alone, strict=True)))
    assert _is_close(whole, single), f"{what} answers an image alone otherwise than in a batch; in eval() images must not mix"


def _check_precision(network: Network, what: str) -> None:
    """The adder computes in float32 whatever the precision of the encoder."""
    image, addend = _make_inputs(5)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        encoded = network.encode(image)
    with torch.no_grad():
        output = network.add(encoded, addend)
    kinds = {logp.dtype for logp in output}
    assert kinds == {torch.float32}, f"{what} answers in {kinds} where the encoder computes in bfloat16; expected float32"


def _check_saving(network: Network, build: Callable[[], Network], what: str) -> None:
    image, addend = _make_inputs(5)
    other = _seeded(build, seed=1)
    names = [name for name, tensor in network.state_dict().items() if not isinstance(tensor, Tensor)]
    assert not names, f"{what} keeps {names} in its state, which are no tensors and cannot be saved"
    other.load_state_dict({name: tensor.clone() for name, tensor in network.state_dict().items()})
    with torch.no_grad():
        same = _is_close(network(image, addend), other.eval()(image, addend))
    assert same, f"{what} answers otherwise after its weights are loaded into a new one; keep all it learns in parameters"


def _check_export(network: Network, recipe: Recipe, what: str) -> None:
    """The exported graph holds standard operators alone, and answers as the network does."""
    graph = convert_network(network.eval(), recipe)
    try:
        check_graph(graph)
    except ValueError as error:
        raise AssertionError(f"the exported graph of {what} is not standard: {error}") from error
    generator = np.random.default_rng(0)
    pixels, addends = generator.integers(0, 256, (5, 1, SIDE, SIDE), np.uint8), np.arange(5)
    session = import_onnxruntime().InferenceSession(graph, providers=["CPUExecutionProvider"])
    given = session.run(None, {"image": pixels, "addend": addends})
    with torch.no_grad():
        expected = network(scale_pixels(torch.from_numpy(pixels).float(), recipe), torch.from_numpy(addends))
    for one, logp in zip(given, expected, strict=True):
        apart = float(np.abs(one - logp.exp().numpy()).max())
        assert apart < CLOSE, f"the exported graph of {what} differs by {apart:.2g} in a probability; expected at most {CLOSE}"


def _is_close(one: Output, other: Output) -> bool:
    return all(bool((a.exp() - b.exp()).abs().max() < CLOSE) for a, b in zip(one, other, strict=True))
