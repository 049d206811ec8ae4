"""Completion in fish."""

from __future__ import annotations

from ._commands import Command, Kind, Option, Rest, Values

_ACTIONS = {
    Kind.FILES: "-r -F",
    Kind.FOLDERS: "-x -a '(__fish_complete_directories)'",
    Kind.USERS: "-x -a '(__fish_complete_users)'",
}

_CONDITIONS = {
    Rest.NOTHING: "",
    Rest.ARGUMENTS: " -n @FUNCTION@_takes_options",
    Rest.COMMAND: " -n 'not contains -- -- (commandline -opc)'",
}
"""Where the command's own words are completed."""

_BEFORE = {
    Rest.NOTHING: "",
    Rest.ARGUMENTS: """\
function @FUNCTION@_takes_options
    set -l option
    for word in (commandline -opc)[2..-1]
        if set -q option[1]
            set option
        else if contains -- $word @WITH_VALUE@
            set option $word
        else if not string match -q -- '-*' $word
            return 1
        end
    end
end
""",
    Rest.COMMAND: """\
function @FUNCTION@_command
    set -l words (commandline -opc)
    set -l end (math (contains -i -- -- $words) + 1)
    complete -C (string join -- ' ' (string escape -- $words[$end..-1]) (commandline -ct))
end
complete -c @NAME@ -n 'contains -- -- (commandline -opc)' -f -a '(@FUNCTION@_command)'
""",
}


def completion(command: Command) -> str:
    """Return what completes the words of a command."""
    own = f"complete -c {command.name}{_CONDITIONS[command.rest]}"
    lines = [f"{own} {_words(option)}\n" for option in command.options]
    if command.values:
        lines.append(f"{own} {_action(command.values)}\n")
    head = f"# Completion of {command.name} in fish, made of the command's table of options.\n"
    with_value = [flag for option in command.options if option.metavar for flag in option.flags]
    return (
        (head + _BEFORE[command.rest] + "".join(lines))
        .replace("@FUNCTION@", "__" + command.name.replace("-", "_"))
        .replace("@NAME@", command.name)
        .replace("@WITH_VALUE@", " ".join(with_value))
    )


def _words(option: Option) -> str:
    flags = [
        f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags
    ]
    value = [_value(option.values)] if option.metavar else []
    return " ".join([*flags, *value, "-d", _quoted(option.brief)])


def _value(values: Values) -> str:
    return _action(values) if values else "-x"


def _action(values: Values) -> str:
    return _ACTIONS[values] if isinstance(values, Kind) else f"-x -a {_quoted(' '.join(values))}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", r"\\").replace("'", r"\'") + "'"
