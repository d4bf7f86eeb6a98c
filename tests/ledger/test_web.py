"""Paths: counted exactly, summed, and the largest found without listing them all; against listing them all."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest

from graphrun.ledger.web import Edge, Vertex, Web, largest_paths, open_web


def _random(seed: int, size: int) -> Web:
    draw = random.Random(seed)
    out: dict[Vertex, list[Edge]] = {(i, 0): [] for i in range(size)}
    for i in range(size - 1):
        for j in range(i + 1, size):
            if draw.random() < 0.35 or j == i + 1:
                out[i, 0].append(Edge((i, 0), (j, 0), draw.choice([-2.0, -0.5, 0.0, 0.25, 1.0, 3.0])))
    web = open_web((0, 0), (size - 1, 0), out.__getitem__, 10_000)
    assert web is not None
    return web


def _all(web: Web, v: Vertex, product: float = 1.0) -> Iterator[float]:
    if v == web.end:
        yield product
    for e in web.out[v]:
        yield from _all(web, e.end, product * e.weight)


@pytest.mark.parametrize("seed", range(6))
def test_against_listing_them_all(seed: int) -> None:
    web = _random(seed, 11)
    products = list(_all(web, web.start))
    assert web.count() == len(products)
    assert web.total() == pytest.approx(math.fsum(products))
    found = list(largest_paths(web, 10))
    assert [abs(p.product) for p in found] == pytest.approx(sorted(map(abs, products), reverse=True)[:10])
    assert len({p.edges for p in found}) == len(found)
    everything = list(largest_paths(web, len(products) + 5))
    assert sorted(p.product for p in everything) == pytest.approx(sorted(products))


def test_what_does_not_reach_the_end_is_left_out() -> None:
    edges = {(0, 0): [Edge((0, 0), (1, 0), 2.0), Edge((0, 0), (2, 0), 3.0)], (1, 0): [], (2, 0): [Edge((2, 0), (3, 0), 5.0)]}
    web = open_web((0, 0), (3, 0), edges.__getitem__, 10)
    assert web is not None
    assert web.order == ((0, 0), (2, 0), (3, 0))
    assert (web.count(), web.total()) == (1, 15.0)
    nowhere = open_web((1, 0), (3, 0), edges.__getitem__, 10)
    assert nowhere is not None
    assert (nowhere.count(), nowhere.total(), list(largest_paths(nowhere, 3))) == (0, 0.0, [])


def test_two_to_the_two_thousand_paths() -> None:
    """A ladder: each rung reached in two ways; one of them larger."""

    def uses(v: Vertex) -> list[Edge]:
        node, _ = v
        if node % 2:  # both sides meet
            return [Edge(v, (node + 1, 0), 1.0)]
        return [Edge(v, (node + 1, 0), 1.0), Edge(v, (node + 1, 1), 2.0**-10)]

    web = open_web((0, 0), (4000, 0), uses, 10_000)
    assert web is not None
    assert web.count() == 2**2000
    first, second, *_ = largest_paths(web, 10)
    assert (len(first.edges), first.product, second.product) == (4000, 1.0, 2.0**-10)
    assert web.total() == pytest.approx((1 + 2.0**-10) ** 2000, rel=1e-9)


def test_a_bound_on_what_is_opened() -> None:
    assert open_web((0, 0), (50, 0), lambda v: [Edge(v, (v[0] + 1, 0), 1.0)], 20) is None


def test_products_that_overflow_are_infinite() -> None:
    web = open_web((0, 0), (2000, 0), lambda v: [Edge(v, (v[0] + 1, 0), 10.0)], 10_000)
    assert web is not None
    assert web.total() == math.inf
    assert [p.product for p in largest_paths(web, 3)] == [math.inf]
