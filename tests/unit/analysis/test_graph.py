"""Strong components and cycles, on graphs where the answer is known."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fleetgen.analysis.graph import Edge, EdgeKind, Graph
from fleetgen.core.diagnostic import Span


def graph(*pairs: str, nodes: str = "", kind: EdgeKind = "call") -> Graph:
    """`graph("ab", "bc")`: a needs b, b needs c."""
    names = tuple(dict.fromkeys(nodes + "".join(pairs)))
    edges = (
        Edge(source=a, target=b, kind=kind, message=f"{a}{b}", through="", span=Span("f", line))
        for line, (a, b) in enumerate(pairs, start=1)
    )
    return Graph(names, tuple(edges))


def test_a_chain_has_no_component():
    assert graph("ab", "bc", "ac").components == ()


def test_components_keep_the_order_of_the_nodes():
    found = graph("ef", "fe", "ab", "bc", "ca", "cd", nodes="abcdef").components
    assert found == (("a", "b", "c"), ("e", "f"))


def test_two_rings_through_one_service_are_one_component():
    assert graph("ab", "ba", "bc", "cb").components == (("a", "b", "c"),)


def test_the_cycle_is_a_shortest_one_and_closed():
    ring = graph("ab", "bc", "ca", "ac")
    assert ring.cycle(ring.components[0]) == ("a", "c", "a")


def test_a_long_chain_is_no_problem_for_the_stack():
    nodes = tuple(str(number) for number in range(5000))
    edges = (
        Edge(source=a, target=b, kind="call", message="", through="", span=Span("f"))
        for a, b in (*pairwise(nodes), (nodes[-1], nodes[0]))
    )
    assert Graph(nodes, tuple(edges)).components == (nodes,)


def test_reachable_counts_each_service_once_and_not_itself():
    assert graph("ab", "bc", "ac", "ca", nodes="abcd").reachable("a") == ("b", "c")


def test_only_keeps_services_and_drops_other_edges():
    mixed = Graph(("a", "b"), (*graph("ab").edges, *graph("ba", kind="event").edges))
    assert mixed.components == (("a", "b"),)
    assert mixed.only("call").components == ()
    assert mixed.only("call").nodes == ("a", "b")


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=20))
def test_two_services_share_a_component_exactly_when_they_reach_each_other(pairs):
    drawn = graph(*(a + b for a, b in pairs if a != b), nodes="abcdef")
    together = {(a, b) for group in drawn.components for a in group for b in group if a != b}
    reach = {a: set(drawn.reachable(a)) for a in "abcdef"}
    assert together == {(a, b) for a in reach for b in reach[a] if a in reach[b]}


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), max_size=14))
def test_every_cycle_follows_edges(pairs):
    drawn = graph(*(a + b for a, b in pairs if a != b), nodes="abcde")
    for component in drawn.components:
        ring = drawn.cycle(component)
        assert ring[0] == ring[-1] == component[0]
        assert all(drawn.between(a, b) for a, b in pairwise(ring))
