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
        texts = [" ".join(entry.description.primary_renderable.plain.split()) for entry in panel.entries]
        entries = [entry.copy(description=text) for entry, text in zip(panel.entries, texts, strict=True)]
        super().__call__(console, options, panel.copy(entries=entries))


def page(app: "App", tokens: Sequence[str]) -> str:
    """The help of the command that `tokens` name, as wide as the terminal.

    At its end stands what follows the first paragraph of its file's docstring, that of the package where none is named.
    """
    with app.console.capture() as text:
        app.help_print(tokens, console=app.console)
    *_, named = app.parse_commands(tokens)[1]
    file = sys.modules[getattr(named.default_command, "__module__", __name__.rpartition(".")[0])]
    return "\n".join([text.get().rstrip(), *(file.__doc__ or "").partition("\n\n")[1:]])
