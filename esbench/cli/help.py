"""Help pages: cyclopts' panels, and below them examples as they were written."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cyclopts.help import DefaultFormatter

if TYPE_CHECKING:
    from cyclopts import App
    from cyclopts.help import HelpPanel


class Reflowed(DefaultFormatter):
    """cyclopts' own formatter, for texts with the line breaks that they have in the source."""

    def __call__(self, console: Any, options: Any, panel: "HelpPanel") -> None:
        for entry in panel.entries:
            text = entry.description.primary_renderable
            text.plain = " ".join(text.plain.split())
        super().__call__(console, options, panel)


def page(app: "App", tokens: Sequence[str]) -> str:
    """The help of the command that `tokens` name, as wide as the terminal.

    At its end stands what follows the first paragraph of its file's docstring, that of the package where none is named.
    """
    with app.console.capture() as text:
        app.help_print(tokens, console=app.console)
    *_, named = app.parse_commands(tokens)[1]
    file = sys.modules[getattr(named.default_command, "__module__", __name__.rpartition(".")[0])]
    return "".join([text.get().rstrip(), *(file.__doc__ or "").rstrip().partition("\n\n")[1:]])
