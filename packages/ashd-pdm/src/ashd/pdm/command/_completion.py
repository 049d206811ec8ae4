"""`ashd-pdm completion`: scripts that let bash, zsh and fish complete the words of the command.

They are made of the table of options. Names of objects are asked of the daemon, but only through a
socket of this machine: a TAB shall not start ssh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ashd.pdm.command._options import SUBCOMMANDS, Argument, Completes, Option, Subcommand
from ashd.pdm.command._output import say
from ashd.pdm.perf import error

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

PROGRAMS = {"ashd-pdm": None, "pdm-repl": "repl"}
"""Commands, and the subcommand that each one stands for."""

SHELLS = ("bash", "zsh", "fish")
NAMES = "ashd-pdm ls"
"""What the scripts call for the names of objects."""


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    if options.shell not in _SCRIPTS:
        raise error(f"no completions for {options.shell}; there are some for {', '.join(SHELLS)}")
    say(*_SCRIPTS[options.shell]().rstrip("\n").split("\n"))
    return 0


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _options_with_values() -> list[str]:
    found = {
        name
        for subcommand in SUBCOMMANDS
        for option in subcommand.options
        if option.value is not None
        for name in option.spellings
    }
    return sorted(found)


# bash


def bash() -> str:
    """Return the script for bash."""
    return _BASH.format(
        commands=" ".join(subcommand.name for subcommand in SUBCOMMANDS),
        cases="\n".join(_bash_case(subcommand) for subcommand in SUBCOMMANDS),
        valued="|".join(_options_with_values()),
        names=NAMES,
    )


def _bash_case(subcommand: Subcommand) -> str:
    words = ["--help", *(name for option in subcommand.options for name in option.spellings)]
    kinds = " ".join(argument.completes.value for argument in subcommand.arguments)
    files = "|".join(
        name
        for option in subcommand.options
        if option.completes is Completes.FILE
        for name in option.spellings
    )
    return (
        f"        {subcommand.name}) options={_quote(' '.join(words))}; kinds=({kinds});"
        f" files={_quote(files)} ;;"
    )


_BASH = """\
# bash completion of ashd-pdm; for ~/.bashrc: source <(ashd-pdm completion bash)
_ashd_pdm() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    local command= target= options= files= count=0 at word words
    local -a kinds=()
    COMPREPLY=()
    [[ ${{COMP_WORDS[0]##*/}} == pdm-repl ]] && command=repl
    for ((at = 1; at < COMP_CWORD; at++)); do
        word=${{COMP_WORDS[at]}}
        case $word in
        {valued}) ((at++)) ;;
        -*) ;;
        *)
            if [[ -z $command ]]; then command=$word
            else
                ((count++)) || target=$word
            fi ;;
        esac
    done
    case $command in
        '')
            if [[ $current == -* ]]; then COMPREPLY=($(compgen -W '--help --version' -- "$current"))
            else COMPREPLY=($(compgen -W '{commands}' -- "$current")); fi
            return ;;
{cases}
        *) return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
        return
    fi
    if [[ $previous == -* && -n $files && "|$files|" == *"|$previous|"* ]]; then
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$current"))
        return
    fi
    case $previous in {valued}) return ;; esac
    case ${{kinds[count]}} in
    target)
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$current")) ;;
    name)
        [[ $target == *:* || $target != */* ]] && return
        while read -r word _; do  # not by compgen -W, which would expand what the daemon says
            [[ $word == "$current"* ]] && COMPREPLY+=("$(printf %q "$word")")
        done < <({names} "$target" 2>/dev/null) ;;
    shell) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$current")) ;;
    esac
}}
complete -F _ashd_pdm ashd-pdm pdm-repl
"""


# zsh


def zsh() -> str:
    """Return the script for zsh."""
    commands = "\n".join(f"        {_quote(f'{one.name}:{one.help}')}" for one in SUBCOMMANDS)
    cases = "\n".join(_zsh_case(subcommand) for subcommand in SUBCOMMANDS)
    return _ZSH.format(commands=commands, cases=cases, names=NAMES)


def _zsh_case(subcommand: Subcommand) -> str:
    specs = [spec for option in subcommand.options for spec in _zsh_option(option)]
    specs += [_zsh_argument(argument) for argument in subcommand.arguments]
    listed = " ".join(_quote(spec) for spec in ["(-)--help[print help]", *specs])
    return f"    {subcommand.name}) _arguments -s -S {listed} ;;"


def _zsh_escape(text: str) -> str:
    for character in "\\[]:":
        text = text.replace(character, f"\\{character}")
    return text


_ZSH_ACTIONS = {
    Completes.NOTHING: " ",
    Completes.FILE: "_files",
    Completes.TARGET: "_files",
    Completes.NAME: "_ashd_pdm_names",
    Completes.SHELL: "(bash zsh fish)",
}


def _zsh_option(option: Option) -> list[str]:
    """Return what `_arguments` wants, for each spelling."""
    names = option.spellings
    exclusion = "*" if option.repeats else f"({' '.join(names)})"
    value = f":{option.value}:{_ZSH_ACTIONS[option.completes]}" if option.value else ""
    return [f"{exclusion}{name}[{_zsh_escape(option.help)}]{value}" for name in names]


def _zsh_argument(argument: Argument) -> str:
    prefix = {"*": "*:", "?": "::"}.get(argument.count or "", ":")
    return f"{prefix}{argument.name}:{_ZSH_ACTIONS[argument.completes]}"


_ZSH = """\
#compdef ashd-pdm pdm-repl
# zsh completion of ashd-pdm; for ~/.zshrc: source <(ashd-pdm completion zsh)
_ashd_pdm_names() {{
    local target=${{line[1]}}
    [[ -z $target || $target == *:* || $target != */* ]] && return 1
    local -a names
    names=(${{(f)"$({names} $target 2>/dev/null | cut -d ' ' -f 1)"}})
    compadd -a names
}}
_ashd_pdm() {{
    local context state state_descr command
    local -a line
    typeset -A opt_args
    if [[ ${{words[1]:t}} == pdm-repl ]]; then
        command=repl
    elif (( CURRENT == 2 )); then
        local -a commands
        commands=(
{commands}
        )
        _describe command commands
        return
    else
        command=${{words[2]}}
        shift words
        (( CURRENT-- ))
    fi
    case $command in
{cases}
    esac
}}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _ashd_pdm "$@"
else
    compdef _ashd_pdm ashd-pdm pdm-repl
fi
"""


# fish


def fish() -> str:
    """Return the script for fish."""
    lines = [_FISH.format(names=NAMES, valued=" ".join(_options_with_values()))]
    for subcommand in SUBCOMMANDS:
        lines.append(
            "complete -c ashd-pdm -f -n __ashd_pdm_first "
            f"-a {subcommand.name} -d {_quote(subcommand.help)}"
        )
        lines += _fish_rules("ashd-pdm", subcommand, f"__ashd_pdm_in {subcommand.name}")
    for program, name in PROGRAMS.items():
        lines += [
            line
            for subcommand in SUBCOMMANDS
            if subcommand.name == name
            for line in _fish_rules(program, subcommand, "true")
        ]
    return "\n".join(lines) + "\n"


def _fish_rules(program: str, subcommand: Subcommand, condition: str) -> list[str]:
    start = f"complete -c {program} -n {_quote(condition)}"
    lines = [f"{start} -f", f"{start} -s h -l help -d 'print help'"]
    for option in subcommand.options:
        short = f" -s {option.short[1:]}" if option.short else ""
        value = (
            "" if option.value is None else " -r" if option.completes is Completes.FILE else " -x"
        )
        more = " -F" if option.completes is Completes.FILE else ""
        lines.append(f"{start}{short} -l {option.long[2:]}{value}{more} -d {_quote(option.help)}")
    first = 1 if program == "ashd-pdm" else 0
    for at, argument in enumerate(subcommand.arguments):
        action = _FISH_ACTIONS[argument.completes]
        if action:
            wanted = f"{condition}; and __ashd_pdm_at {first + at}"
            lines.append(f"complete -c {program} -n {_quote(wanted)} {action}")
    return lines


_FISH_ACTIONS = {
    Completes.NOTHING: "",
    Completes.FILE: "-F",
    Completes.TARGET: "-F",
    Completes.NAME: "-f -a '(__ashd_pdm_names)'",
    Completes.SHELL: "-f -a 'bash zsh fish'",
}

_FISH = """\
# fish completion of ashd-pdm; ashd-pdm completion fish > ~/.config/fish/completions/ashd-pdm.fish
function __ashd_pdm_words
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word {valued}
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end
function __ashd_pdm_first
    test (count (__ashd_pdm_words)) = 0
end
function __ashd_pdm_in
    set -l words (__ashd_pdm_words)
    test (count $words) -gt 0; and test $words[1] = $argv[1]
end
function __ashd_pdm_at
    test (count (__ashd_pdm_words)) = $argv[1]
end
function __ashd_pdm_names
    set -l target (__ashd_pdm_words)[2]
    string match -q '*:*' -- $target; and return
    string match -q '*/*' -- $target; or return
    {names} $target 2>/dev/null | cut -d ' ' -f 1
end"""

_SCRIPTS: dict[str, Callable[[], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
