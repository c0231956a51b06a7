"""What cyclopts says against a command line, as an InputError of one line."""

from collections.abc import Sequence

from cyclopts import App, CoercionError, CycloptsError, MissingArgumentError, UnknownOptionError, UnusedCliTokensError
from cyclopts.argument import Argument
from cyclopts.exceptions import ConsumeMultipleError

from esbench.errors import InputError, unknown


def refusal(app: App, tokens: Sequence[str], error: CycloptsError) -> InputError:
    """For `tokens`. An unknown name goes first, with the nearest one: it may be why something else is missing."""
    command, names = error.app or app, error.command_chain or ()
    said, given = " ".join(["esbench", *names]), tokens[len(names) :]
    actions = [name for name in command if not name.startswith("-")]
    if actions and given and not given[0].startswith("--"):
        return unknown(f"action of {said}" if names else "command", given[0], actions)
    with app.app_stack(tokens):
        arguments = command.assemble_argument_collection() if command.default_command else []
    options = [*command.help_flags, *(name for argument in arguments for name in argument.names if name[0] == "-")]
    named = [text.partition("=")[0] for text in given]
    for name in named:
        if name.startswith("--") and name not in options:
            return unknown(f"option of {said}", name, options)
    match error:
        case MissingArgumentError(keyword=str(name)):
            least = "at least " if isinstance(error, ConsumeMultipleError) else ""
            return InputError(f"argument {name}: expected {least}one argument")
        case MissingArgumentError(argument=Argument() as first):
            # cyclopts names the first one only; those before it are there.
            behind = arguments[[argument.name for argument in arguments].index(first.name) :]
            missing = [argument.name for argument in behind if argument.required and not {*named} & {*argument.names}]
            return InputError(f"the following arguments are required: {', '.join(missing)}")
        case UnusedCliTokensError(unused_tokens=list(texts)):
            return InputError(f"unrecognized arguments: {' '.join(texts)}")
        case UnknownOptionError(token=token):
            return InputError(f"unrecognized arguments: {token.keyword or token.value}")
        case CoercionError(__cause__=InputError() as cause):
            return cause
        case CoercionError(argument=Argument() as argument, msg=str(message)):
            return InputError(f"argument {argument.name}: {message}")
    return InputError(str(error))
