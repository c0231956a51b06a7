"""Help pages: plain text in two columns as wide as the terminal, and examples as they were written."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts import App
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console


def page(app: "App", tokens: Sequence[str]) -> str:
    """The help of the command that `tokens` name."""
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False, markup=False)
    with console.capture() as text:
        app.help_print(tokens, console=console)
    return "".join(f"{line.rstrip()}\n" for line in text.get().splitlines())


class TwoColumns:
    """cyclopts' formatter of a page; of each panel its title, then what is typed beside what it means."""

    def render_usage(self, console: "Console", _options: Any, usage: Any) -> None:
        console.print(f"usage: {usage}")

    def render_description(self, console: "Console", _options: Any, description: Any) -> None:
        console.print(_text(description))

    def __call__(self, console: "Console", _options: Any, panel: "HelpPanel") -> None:
        from rich.table import Table

        table = Table.grid("", "", padding=(0, 2))
        table.columns[0].no_wrap = True
        for entry in panel.entries:
            table.add_row(f"  {_typed(entry)}", _meant(entry))
        if panel.entries:
            console.print(f"\n{str(panel.title).lower()}:", table, sep="\n")


def _text(inline: Any) -> str:
    """A text without the line breaks that it has where it is written down."""
    return " ".join(inline.primary_renderable.plain.split())


def _meant(entry: "HelpEntry") -> str:
    """What it means, with the default of a value where the text does not say it."""
    text = _text(entry.description)
    untold = entry.metavar and entry.default and "default" not in text
    return f"{text} (default: {entry.default})".lstrip() if untold else text


def _typed(entry: "HelpEntry") -> str:
    """Names and the value they take; a text is called by the option's name."""
    if entry.positional_label:
        return entry.positional_label
    *_, long = entry.names
    value = {"STR": long.lstrip("-").upper(), "INT": "N"}.get(entry.metavar or "", entry.metavar or "")
    return f"{', '.join([*entry.shorts, *entry.names])} {value}"
