from fleetgen.runtime.servers.spans import Span
from fleetgen.runtime.smoke.trace import Context, new_context, tree_lines, tree_of

ROOT = Context("aa" * 16, "00" * 8)


def span(identity: str, parent: str, service: str, name: str, start: int, end: int, error: str = "") -> Span:
    return Span(ROOT.trace, identity, parent, service, name, "", start, end, error, {})


SPANS = [
    span("1", ROOT.span, "order", "POST /orders", 0, 4_000_000),
    span("2", "1", "order", "create orders", 1_000_000, 2_000_000),
    span("3", "2", "payment", "process orders", 5_000_000, 9_000_000, "declined"),
    span("4", "2", "shipping", "process orders", 5_500_000, 6_000_000),
]


def test_one_tree_across_services() -> None:
    tree, orphans = tree_of(ROOT, "checkout", SPANS)
    assert not orphans
    assert [each.service for each in tree.all()] == ["smoke", "order", "order", "payment", "shipping"]
    assert tree_lines(tree) == [
        "     0.0 ms     9.0 ms  smoke     checkout",
        "     0.0 ms     4.0 ms  order     └─ POST /orders",
        "     1.0 ms     1.0 ms  order        └─ create orders",
        "     5.0 ms     4.0 ms  payment         ├─ process orders  !! declined",
        "     5.5 ms     0.5 ms  shipping        └─ process orders",
    ]


def test_a_span_without_its_parent_is_not_part_of_the_tree() -> None:
    tree, orphans = tree_of(ROOT, "checkout", [SPANS[0], *SPANS[2:]])
    assert [each.id for each in orphans] == ["3", "4"]
    assert [each.service for each in tree.all()] == ["smoke", "order"]


def test_a_trace_asks_to_be_recorded() -> None:
    context = new_context()
    assert context.header == f"00-{context.trace}-{context.span}-01"
    assert (len(context.trace), len(context.span)) == (32, 16)
    assert context != new_context()
