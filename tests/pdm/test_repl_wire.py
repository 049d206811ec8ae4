"""The protocol `repl`, byte by byte, as clients that are not ours speak it."""

from __future__ import annotations

import pytest

from ashdtest.debugsocket import RawClient


def test_greeting(address: str) -> None:
    with RawClient(address) as client:
        assert client.line() == b"+PDM1\n"
        client.send(b"repl\n")
        assert client.line() == b"+REPL\n"


def test_unknown_protocol_is_refused_with_a_text(address: str) -> None:
    with RawClient(address) as client:
        client.send(b"gopher\n")
        assert client.line() == b"+PDM1\n"
        assert client.line().startswith(b"-ERR no such protocol")
        assert client.rest() == b""


@pytest.mark.parametrize("line", [b"\n", b"repl x\n", b"\xff\n", b"REPL\n", b"@1 repl\n", b"@\n"])
def test_other_first_lines_are_refused(address: str, line: bytes) -> None:
    with RawClient(address) as client:
        client.send(line)
        assert client.line() == b"+PDM1\n"
        assert client.line().startswith(b"-ERR ")
        assert client.rest() == b""


@pytest.mark.parametrize(
    "head", [b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"]
)
def test_a_browser_runs_nothing(address: str, head: bytes) -> None:
    with RawClient(address) as client:
        client.send(head + b"repl\n1/0\n\n")
        assert b"REPL" not in client.rest()


def test_expression_is_echoed(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.send(b"1 + 1\n\n")
        assert client.line() == b" 2\n"
        assert client.line() == b"+OK\n"


def test_statement_is_executed(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.send(b"x = 5\n\nx\n\n")
        assert client.line() == b"+OK\n"
        assert client.line() == b" 5\n"
        assert client.line() == b"+OK\n"


def test_exception_ends_in_exc(address: str) -> None:
    with RawClient(address, "repl") as client:
        lines, status = client.run("1/0")
        assert status == "+EXC"
        assert lines[0] == "Traceback (most recent call last):"
        assert lines[-1] == "ZeroDivisionError: division by zero"
        assert client.run("'still here'") == (["'still here'"], "+OK")


def test_traceback_shows_the_code_and_none_of_the_server(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.run("def fail():\n    return 1 / 0")
        lines, _ = client.run("fail()")
        text = "\n".join(lines)
        assert "return 1 / 0" in text
        assert "fail()" in text
        assert "ashd" not in text


def test_syntax_error_has_no_frames(address: str) -> None:
    with RawClient(address, "repl") as client:
        lines, status = client.run("f(")
        assert status == "+EXC"
        assert lines[0].startswith("  File")
        assert lines[-1].startswith("SyntaxError:")


def test_multi_line_block(address: str) -> None:
    with RawClient(address, "repl") as client:
        assert client.run("for i in range(3):\n    if i:\n        print(i)") == (["1", "2"], "+OK")


def test_text_is_utf8_both_ways(address: str) -> None:
    with RawClient(address, "repl") as client:
        assert client.run("print('äöü€𝄞')") == (["äöü€𝄞"], "+OK")


def test_what_is_no_utf8_is_an_error_of_the_protocol(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.send(b"'\xff'\n\n")
        assert client.line().startswith(b"-ERR ")
        assert client.run("1") == (["1"], "+OK")


def test_lone_surrogates_can_be_printed(address: str) -> None:
    with RawClient(address, "repl") as client:
        assert client.run("print('\\ud800x')") == (["\\ud800x"], "+OK")


def test_empty_command(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.send(b"\n\n1\n\n")
        assert client.line() == b"+OK\n"
        assert client.line() == b" 1\n"


def test_every_way_to_cut_a_command_into_pieces(address: str) -> None:
    command = b"print('a')\nprint('b')\n\n"
    with RawClient(address, "repl") as client:
        for at in range(1, len(command)):
            client.send(command[:at])
            client.send(command[at:])
            assert client.output() == (["a", "b"], "+OK")


def test_commands_that_arrive_at_once_are_answered_in_order(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.send(b"".join(b"%d\n\n" % number for number in range(100)))
        assert [client.output() for _ in range(100)] == [([str(n)], "+OK") for n in range(100)]


def test_greeting_and_command_in_one_piece_with_half_close(address: str) -> None:
    with RawClient(address) as client:
        client.send(b"repl\nimport time\ntime.sleep(0.05)\nprint('done')\n\n")
        client.socket.shutdown(1)
        assert client.rest() == b"+PDM1\n+REPL\n done\n+OK\n"


def test_empty_output_lines_have_their_space(address: str) -> None:
    with RawClient(address, "repl") as client:
        client.send(b"print('a\\n\\n+OK\\n-ERR')\n\n")
        assert [client.line() for _ in range(5)] == [
            b" a\n",
            b" \n",
            b" +OK\n",
            b" -ERR\n",
            b"+OK\n",
        ]


def test_output_without_a_newline_at_its_end(address: str) -> None:
    with RawClient(address, "repl") as client:
        assert client.run("print('a', end='')") == (["a"], "+OK")
