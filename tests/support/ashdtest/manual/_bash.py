"""Completion in bash, with nothing but bash itself."""

from __future__ import annotations

from ._commands import Command, Kind, Rest, Values

# COMP_WORDS is cut at : and =, which values are full of. So words are cut at blanks here, and
# what stands before the last : or = is taken off each reply, as readline expects it.
_TEMPLATE = """\
# Completion of @NAME@ in bash, made of the command's table of options.
@FUNCTION@() {
    local words value word option= operands=0 breaks=${COMP_WORDBREAKS//[^:=]/}
    read -ra words <<< "${COMP_LINE:0:COMP_POINT}."
    value=${words[-1]%.}
    COMPREPLY=()
    for word in "${words[@]:1:${#words[@]}-2}"; do
        if [[ -n $option ]]; then
            option=
            continue
        fi
        case $word in
            @WITH_VALUE@) option=$word ;;
@END@            -*) ;;
            *) ((++operands)) ;;
        esac
    done
    if [[ -z $option && $value == --*=* ]]; then
        option=${value%%=*} value=${value#*=}
    fi
    case $option in
        '') @FUNCTION@_operand ;;
@VALUES@    esac
    if [[ -n $breaks ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${value%"${value##*[$breaks]}"}"}")
    fi
}
@FUNCTION@_operand() {
@ARGUMENTS@    if [[ $value == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '@FLAGS@' -- "$value")
    else
        @OPERAND@
    fi
}
complete -F @FUNCTION@ @NAME@
"""

_ACTIONS = {Kind.FILES: "-f", Kind.FOLDERS: "-d", Kind.USERS: "-u"}

_END = """\
            --)
                compopt -o default
                [[ ${words[-2]} != -- ]] || mapfile -t COMPREPLY < <(compgen -c -- "$value")
                return
                ;;
"""

_ARGUMENTS = """\
    if ((operands)); then
        compopt -o default
        return
    fi
"""


def completion(command: Command) -> str:
    """Return what completes the words of a command."""
    with_value = [option for option in command.options if option.metavar]
    parts = {
        "NAME": command.name,
        "FUNCTION": "_" + command.name.replace("-", "_"),
        "FLAGS": " ".join(flag for option in command.options for flag in option.flags),
        "WITH_VALUE": " | ".join(flag for option in with_value for flag in option.flags),
        "VALUES": "".join(
            f"        {' | '.join(option.flags)}) {_replies(option.values)} ;;\n"
            for option in with_value
            if option.values
        ),
        "END": _END if command.rest is Rest.COMMAND else "",
        "ARGUMENTS": _ARGUMENTS if command.rest is Rest.ARGUMENTS else "",
        "OPERAND": _replies(command.values),
    }
    text = _TEMPLATE
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


def _replies(values: Values) -> str:
    if isinstance(values, Kind):
        names = "compopt -o filenames; " if values is not Kind.USERS else ""
        return f'{names}mapfile -t COMPREPLY < <(compgen {_ACTIONS[values]} -- "$value")'
    if not values:
        return ":"
    open_end = "compopt -o nospace; " if values[0].endswith("=") else ""
    return f"{open_end}mapfile -t COMPREPLY < <(compgen -W '{' '.join(values)}' -- \"$value\")"
