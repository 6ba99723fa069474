"""`fleetgen add`: one more element in the specification, and what follows from it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleetgen.cli.console import Exit, data, say, show
from fleetgen.cli.outcome import carry_out, finish, folder_of, own_or_exit, planned_or_exit, print_plan

if TYPE_CHECKING:
    from fleetgen.evolve.actions import Action
    from fleetgen.spec.add import Additions, Texts

app = typer.Typer(
    no_args_is_help=True,
    help="Add to the specification, keeping its comments and order; then show the plan. Nothing is written when the "
    "result has errors.",
)
Root = Annotated[Path, typer.Option("--root", help="The monorepo.")]
Apply = Annotated[bool, typer.Option("--apply", help="Carry the plan out too.")]
Fields = Annotated[
    list[str], typer.Option("--field", help="name:type; `note:string?` is optional, `lines:OrderLine[]` a list.")
]
Exposure = Annotated[str, typer.Option("--exposure", help="public, partner or internal.")]


@app.command()
def service(
    name: Annotated[str, typer.Argument(help="Its name, in kebab-case.")],
    *,
    team: Annotated[str, typer.Option("--team", help="The team that owns it.")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="What it is for, in one sentence.")] = "",
    subdomain: Annotated[str, typer.Option("--subdomain", help="core, supporting or generic.")] = "",
    stack: Annotated[str, typer.Option("--stack", help="The language and framework.")] = "",
    exposure: Exposure = "",
    context: Annotated[str, typer.Option("--context", help="A context that lists `services`.")] = "",
    own_file: Annotated[bool, typer.Option("--own-file", help="In contexts/<name>.yaml.")] = False,
    root: Root = Path(),
    apply: Apply = False,
) -> None:
    """Add a service: a bounded context of its own, unless a context is named.

    Example: `fleetgen add service billing --team payments --purpose "Invoices and reminders" --subdomain supporting`
    """
    body = {"subdomain": subdomain, "purpose": purpose, "team": team, "stack": stack, "exposure": exposure}
    _add(root, lambda to: to.service(name, context, _filled(body), own_file=own_file), apply=apply)


@app.command()
def aggregate(
    name: Annotated[str, typer.Argument(help="Its name, in PascalCase.")],
    *,
    service: Annotated[str, typer.Option("--service", help="The service it belongs to.")],
    field: Fields = [],  # noqa: B006 - typer's way
    key: Annotated[str, typer.Option("--key", help="The field that identifies it; else an id is made.")] = "",
    state: Annotated[list[str], typer.Option("--state", help="A state; the first is where it begins.")] = [],  # noqa: B006
    command: Annotated[list[str], typer.Option("--command", help="Command:Event; the first creates it.")] = [],  # noqa: B006
    query: Annotated[list[str], typer.Option("--query", help="A query.")] = [],  # noqa: B006
    root: Root = Path(),
    apply: Apply = False,
) -> None:
    """Add an aggregate to a service.

    Example: `fleetgen add aggregate Invoice --service billing --field orderId:uuid --field total:money
    --command IssueInvoice:InvoiceIssued --query GetInvoice`
    """
    from fleetgen.spec.add import fields  # noqa: PLC0415

    def put(to: Additions) -> Texts:
        commands = {each.partition(":")[0].strip(): each.partition(":")[2].strip() or None for each in command}
        body = {"key": key, "fields": fields(field), "states": state, "commands": commands, "queries": query}
        return to.aggregate(name, service, _filled(body))

    _add(root, put, apply=apply)


@app.command("field")
def field_(
    field: Annotated[str, typer.Argument(help="name:type; `note:string?` is optional, `lines:OrderLine[]` a list.")],
    *,
    aggregate: Annotated[str, typer.Option("--aggregate", help="The aggregate.")],
    root: Root = Path(),
    apply: Apply = False,
) -> None:
    """Add a field to an aggregate. To rename one, edit it: `remark: {type: string, renamed-from: note}` in its place.

    Example: `fleetgen add field 'note:string?' --aggregate Order`
    """
    from fleetgen.spec.add import fields  # noqa: PLC0415

    def put(to: Additions) -> Texts:
        ((name, of),) = fields([field]).items()
        return to.field(name, aggregate, of)

    _add(root, put, apply=apply)


@app.command()
def command(
    name: Annotated[str, typer.Argument(help="Its name, in PascalCase: what is asked for.")],
    *,
    aggregate: Annotated[str, typer.Option("--aggregate", help="The aggregate it is asked of.")],
    emits: Annotated[str, typer.Option("--emits", help="The event that tells of its success.")],
    rejection: Annotated[str, typer.Option("--or", help="The event that tells that it was refused.")] = "",
    when: Annotated[str, typer.Option("--when", help="The condition under which it is refused.")] = "",
    before: Annotated[list[str], typer.Option("--from", help="A state in which it is allowed.")] = [],  # noqa: B006 - typer's way
    to: Annotated[str, typer.Option("--to", help="The state afterwards.")] = "",
    takes: Annotated[list[str], typer.Option("--takes", help="A field of the aggregate, or name:type.")] = [],  # noqa: B006
    exposure: Exposure = "",
    creates: Annotated[bool, typer.Option("--creates", help="It creates the aggregate.")] = False,
    root: Root = Path(),
    apply: Apply = False,
) -> None:
    """Add a command to an aggregate, with the event it emits.

    Example: `fleetgen add command ShipOrder --aggregate Order --emits OrderShipped --from confirmed
    --takes parcel:uuid`
    """
    from fleetgen.spec.add import fields  # noqa: PLC0415

    def put(additions: Additions) -> Texts:
        refused: Any = {rejection: when} if when else rejection
        taken: Any = fields(takes) if any(":" in each for each in takes) else takes
        body = _filled({"emits": emits, "or": refused, "from": before, "to": to, "takes": taken,
                        "creates": creates, "exposure": exposure})  # fmt: skip
        return additions.command(name, aggregate, emits if list(body) == ["emits"] else body)

    _add(root, put, apply=apply)


@app.command()
def event(
    name: Annotated[str, typer.Argument(help="Its name, in PascalCase: what happened.")],
    *,
    command: Annotated[str, typer.Option("--command", help="The command that is refused with it.")],
    when: Annotated[str, typer.Option("--when", help="The condition; else a broken invariant.")] = "",
    root: Root = Path(),
    apply: Apply = False,
) -> None:
    """Add the event that tells that a command was refused. The one of its success comes with the command.

    Example: `fleetgen add event PaymentDeclined --command TakePayment --when "amount.amount > 100000"`
    """
    _add(root, lambda to: to.rejection(name, command, when), apply=apply)


@app.command()
def query(
    name: Annotated[str, typer.Argument(help="Its name, in PascalCase: Get…, Search…, List…, Find…")],
    *,
    aggregate: Annotated[str, typer.Option("--aggregate", help="The aggregate that is read.")],
    takes: Annotated[list[str], typer.Option("--takes", help="A field it finds by.")] = [],  # noqa: B006 - typer's way
    exposure: Exposure = "",
    root: Root = Path(),
    apply: Apply = False,
) -> None:
    """Add a query to an aggregate.

    Example: `fleetgen add query SearchOrders --aggregate Order`
    """
    body = _filled({"takes": takes, "exposure": exposure})
    _add(root, lambda to: to.query(name, aggregate, body), apply=apply)


@app.command()
def policy(
    event: Annotated[str, typer.Argument(help="Whenever this event is seen …")],
    do: Annotated[str, typer.Argument(help="… this command of the service's context is done.")],
    *,
    service: Annotated[str, typer.Option("--service", help="The service that reacts.")],
    given: Annotated[list[str], typer.Option("--with", help="input=event.field, or a literal.")] = [],  # noqa: B006 - typer's way
    for_each: Annotated[str, typer.Option("--for-each", help="A list in the event.")] = "",
    root: Root = Path(),
    apply: Apply = False,
) -> None:
    """Add a policy: whenever an event is seen, do a command.

    Example: `fleetgen add policy OrderConfirmed DispatchShipment --service shipping`
    """
    bindings = {each.partition("=")[0].strip(): each.partition("=")[2].strip() for each in given}
    body = _filled({"do": do, "with": bindings, "for-each": for_each})
    _add(root, lambda to: to.policy(event, service, do if list(body) == ["do"] else body), apply=apply)


@app.command()
def saga(
    name: Annotated[str, typer.Argument(help="Its name, in kebab-case.")],
    steps: Annotated[list[str], typer.Argument(help="'Do / Undo', 'pivot Do', 'call Do', 'Do', in order.")],
    *,
    mode: Annotated[str, typer.Option("--mode", help="choreography or orchestration.")] = "",
    timeout: Annotated[str, typer.Option("--timeout", help="How long it may take.")] = "",
    root: Root = Path(),
    apply: Apply = False,
) -> None:
    """Add a saga: a business transaction over services.

    Example: `fleetgen add saga checkout "PlaceOrder / CancelOrder" "pivot TakePayment" CreateShipment --timeout 5m`
    """
    body = _filled({"mode": mode, "timeout": timeout, "steps": steps})
    _add(root, lambda to: to.saga(name, body), apply=apply)


def _filled(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value}


def _add(root: Path, change: Callable[[Additions], Texts], *, apply: bool) -> None:
    from fleetgen.pipeline import check_texts  # noqa: PLC0415
    from fleetgen.spec.add import Additions  # noqa: PLC0415
    from fleetgen.spec.insert import Unplaceable  # noqa: PLC0415
    from fleetgen.spec.load import load  # noqa: PLC0415

    document, diagnostics = load(root)
    if document is None or document.flawed:
        finish(diagnostics)
    try:
        texts = change(Additions(document))
    except Unplaceable as error:
        say(f"error: {error}", "red")
        raise typer.Exit(Exit.FAILURE) from error
    checked = check_texts(document.path, texts, own_or_exit(folder_of(root)))
    shown = checked.diagnostics
    if checked.failed:
        show(shown, checked.sources)
        raise typer.Exit(Exit.FAILURE)
    _difference(document.texts, texts)
    actions = _actions(root, document.texts, texts)
    if not (root / "fleet.lock").exists():
        _written(root, actions)
        say("the specification is changed; there is no fleet here yet: `fleetgen new --spec fleet.yaml DIR`")
        return
    made = planned_or_exit(root, [], checked=checked)
    print_plan(made, False)
    if apply:
        from dataclasses import replace  # noqa: PLC0415

        carry_out(replace(made, actions=(*made.actions, *actions)))
    _written(root, actions)
    say("the specification is changed; `fleetgen apply` carries the plan out", "cyan")


def _difference(before: Texts, after: Texts) -> None:
    for file in sorted(after):
        old, new = before.get(file, "").splitlines(keepends=True), after[file].splitlines(keepends=True)
        if difference := "".join(difflib.unified_diff(old, new, fromfile=file, tofile=file)):
            data(difference)


def _actions(root: Path, before: Texts, after: Texts) -> tuple[Action, ...]:
    """The files of the specification as part of a plan: all is written, or nothing."""
    from fleetgen.evolve.actions import Action, Kind  # noqa: PLC0415
    from fleetgen.evolve.disk import Disk  # noqa: PLC0415
    from fleetgen.evolve.ownership import Owner  # noqa: PLC0415
    from fleetgen.render.files import File  # noqa: PLC0415

    found = []
    for file in sorted(name for name in after if after[name] != before.get(name)):
        path = Path(file).relative_to(root).as_posix()
        there = Disk(root).look(path)
        stamp, mode = (there.stamp, there.mode) if isinstance(there, File) else (None, 0o644)
        kind = Kind.CHANGE if stamp else Kind.ADD
        found.append(Action(kind, path, Owner.USER, stamp, File(after[file].encode(), mode)))
    return tuple(found)


def _written(root: Path, actions: tuple[Action, ...]) -> None:
    from fleetgen.core.diagnostic import has_errors  # noqa: PLC0415
    from fleetgen.evolve.actions import Plan  # noqa: PLC0415
    from fleetgen.evolve.apply import apply  # noqa: PLC0415

    diagnostics = apply(Plan(root, actions))
    if has_errors(diagnostics):
        finish(diagnostics)
