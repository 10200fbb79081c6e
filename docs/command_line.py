"""The reference of the command line as Markdown, read from the program itself.

``python docs/command_line.py`` prints it.
"""

import re
from typing import Any

import typer.main

from phonoscope.cli.app import app

_MARKUP = re.compile(r"\[/?[a-z ]+\]")


def commands() -> dict[str, Any]:
    """Return the program's commands by name, those of groups too (``calibrate response``)."""
    return _below(typer.main.get_command(app), "")


def _below(group: Any, before: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        known_as = f"{before}{name}"
        inner = hasattr(command, "commands")
        found |= _below(command, f"{known_as} ") if inner else {known_as: command}
    return found


def reference() -> str:
    """Return one section for each command: usage, arguments, options, examples."""
    return "\n".join(_section(name, command) for name, command in commands().items())


def _section(name: str, command: Any) -> str:
    shown = [p for p in command.params if not p.hidden]
    usage = " ".join([name, *(_value(p) for p in shown if _is_argument(p)), "[OPTIONS]"])
    rows = [f"| {_names(p)} | {_text(p)} |" for p in shown]
    examples = re.findall(r"^phonoscope .*$", command.epilog or "", re.MULTILINE)
    lines = [f"## {name}", "", command.help.strip(), "", f"`phonoscope {usage}`", ""]
    lines += ["| | |", "|---|---|", *rows, ""]
    if examples:
        lines += ["Examples:", "", "```console", *(f"$ {line}" for line in examples), "```", ""]
    return "\n".join(lines)


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _value(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _names(parameter: Any) -> str:
    if _is_argument(parameter):
        return f"`{_value(parameter)}`"
    known = [*sorted(parameter.opts, key=len, reverse=True), *parameter.secondary_opts]
    names = ", ".join(f"`{name}`" for name in known)
    return names if parameter.is_flag else f"{names} {_value(parameter)}"


def _text(parameter: Any) -> str:
    text = _MARKUP.sub("", parameter.help or "").strip()
    shown, default = parameter.show_default, parameter.default
    if isinstance(shown, str):
        text += f" Default: {shown}."
    elif default is not None and default is not False and shown is not False:
        text += f" Default: {default}."
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(reference())
