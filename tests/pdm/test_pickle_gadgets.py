"""Hostile pickles: nothing in them runs, on either side, and the connection goes on."""

from __future__ import annotations

import copyreg
import datetime
import decimal
import functools
import os
import pickle
import struct
import sys
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ashd.pdm import PdmError, RefusedPickle, perf
from ashd.pdm._limits import CLIENT_PICKLES, SERVER_PICKLES
from ashd.pdm._names import client_names
from ashd.pdm._pickles import load
from ashdtest.cases import about
from ashdtest.debugsocket import RawClient

MARKER = Path("/proc/self/cwd") / "pdm-gadget-has-run"
COMMAND = "touch pdm-gadget-has-run"

CALLS: list[tuple[str, str, tuple[Any, ...]]] = [
    ("os", "system", (COMMAND,)),
    ("posix", "system", (COMMAND,)),
    ("nt", "system", (COMMAND,)),
    ("os", "popen", (COMMAND,)),
    ("os", "execvp", ("touch", ["touch", "pdm-gadget-has-run"])),
    ("os", "posix_spawn", ("/usr/bin/touch", ["touch", "pdm-gadget-has-run"], {})),
    ("os", "_exit", (1,)),
    ("os", "abort", ()),
    ("os", "kill", (0, 9)),
    ("os", "remove", ("x",)),
    ("subprocess", "Popen", (["touch", "pdm-gadget-has-run"],)),
    ("subprocess", "call", (["touch", "pdm-gadget-has-run"],)),
    ("subprocess", "check_output", (["touch", "pdm-gadget-has-run"],)),
    ("subprocess", "getoutput", (COMMAND,)),
    ("builtins", "eval", (f"__import__('os').system('{COMMAND}')",)),
    ("builtins", "exec", (f"__import__('os').system('{COMMAND}')",)),
    ("__builtin__", "eval", ("1",)),
    ("__builtin__", "apply", ("1",)),
    ("builtins", "compile", ("1", "x", "eval")),
    ("builtins", "__import__", ("antigravity",)),
    ("builtins", "getattr", ("", "join")),
    ("builtins", "setattr", ("", "join", 1)),
    ("builtins", "open", ("pdm-gadget-has-run", "w")),
    ("builtins", "input", ()),
    ("builtins", "print", ("x",)),
    ("builtins", "map", (1,)),
    ("builtins", "filter", (1,)),
    ("builtins", "type", ("x", (), {})),
    ("builtins", "object", ()),
    ("builtins", "globals", ()),
    ("builtins", "vars", ()),
    ("builtins", "exit", ()),
    ("builtins", "breakpoint", ()),
    ("builtins", "BaseException", ()),
    ("builtins", "SystemExit", (1,)),
    ("builtins", "KeyboardInterrupt", ()),
    ("builtins", "GeneratorExit", ()),
    ("builtins", "__dict__", ()),
    ("builtins", "ValueError.__init__", ()),
    ("builtins", "ValueError.mro", ()),
    ("builtins", "str.format", ("{0.__class__}", 1)),
    ("sys", "exit", (1,)),
    ("sys", "settrace", (1,)),
    ("sys", "modules", ()),
    ("sys", "setrecursionlimit", (5,)),
    ("functools", "partial", (1,)),
    ("functools", "reduce", (1,)),
    ("operator", "attrgetter", ("x",)),
    ("operator", "itemgetter", ("x",)),
    ("operator", "methodcaller", ("x",)),
    ("_operator", "attrgetter", ("x",)),
    ("codecs", "decode", (b"x", "rot13")),
    ("codecs", "encode", ("x", "rot13")),
    ("_codecs", "decode", (b"x", "rot13")),
    ("_codecs", "lookup", ("x",)),
    ("copyreg", "_reconstructor", (1, 2, 3)),
    ("copyreg", "__newobj__", (1,)),
    ("copyreg", "__newobj_ex__", (1, (), {})),
    ("copyreg", "add_extension", ("os", "system", 1)),
    ("copy_reg", "__newobj__", (1,)),
    ("importlib", "import_module", ("antigravity",)),
    ("importlib", "reload", (1,)),
    ("importlib._bootstrap", "_gcd_import", ("antigravity",)),
    ("runpy", "run_path", ("x",)),
    ("runpy", "_run_code", ("x",)),
    ("timeit", "timeit", ("1",)),
    ("timeit", "main", (["1"],)),
    ("pdb", "run", ("1",)),
    ("bdb", "Bdb", ()),
    ("cProfile", "run", ("1",)),
    ("profile", "run", ("1",)),
    ("doctest", "debug_script", ("1",)),
    ("code", "interact", ()),
    ("pty", "spawn", ("/bin/sh",)),
    ("platform", "popen", (COMMAND,)),
    ("commands", "getoutput", (COMMAND,)),
    ("webbrowser", "open", ("http://127.0.0.1:9",)),
    ("ctypes", "CDLL", ("libc.so.6",)),
    ("ctypes", "string_at", (0,)),
    ("socket", "socket", ()),
    ("socket", "create_connection", (("127.0.0.1", 9),)),
    ("urllib.request", "urlopen", ("file:///etc/passwd",)),
    ("shutil", "rmtree", ("pdm-nothing",)),
    ("shutil", "move", ("a", "b")),
    ("tempfile", "mktemp", ()),
    ("pathlib", "Path", ("x",)),
    ("pathlib", "PosixPath", ("x",)),
    ("io", "open", ("pdm-gadget-has-run", "w")),
    ("io", "FileIO", ("pdm-gadget-has-run", "w")),
    ("_io", "FileIO", ("pdm-gadget-has-run", "w")),
    ("marshal", "loads", (b"N",)),
    ("pickle", "loads", (b"N.",)),
    ("_pickle", "loads", (b"N.",)),
    ("pickle", "Unpickler", ()),
    ("types", "FunctionType", (1,)),
    ("types", "CodeType", (1,)),
    ("types", "ModuleType", ("x",)),
    ("typing", "get_type_hints", (1,)),
    ("inspect", "getattr_static", (1, "x")),
    ("weakref", "finalize", (1, 2)),
    ("threading", "Thread", ()),
    ("multiprocessing", "Process", ()),
    ("multiprocessing.util", "spawnv_passfds", (1, 2, 3)),
    ("asyncio", "run", (1,)),
    ("atexit", "register", (1,)),
    ("signal", "signal", (15, 1)),
    ("logging.config", "dictConfig", ({},)),
    ("logging.config", "listen", (1,)),
    ("unittest.mock", "_importer", ("antigravity",)),
    ("pydoc", "locate", ("antigravity",)),
    ("pydoc", "pipepager", ("x", COMMAND)),
    ("pkgutil", "resolve_name", ("os:system",)),
    ("lib2to3.pgen2.grammar", "Grammar.loadgrammar", ("x",)),
    ("numpy.testing._private.utils", "runstring", ("x", {})),
    ("distutils.spawn", "spawn", (["touch", "x"],)),
    ("ensurepip", "_run_pip", ([],)),
    ("venv", "create", ("x",)),
    ("idlelib.pyshell", "ModifiedInterpreter.runcommand", ("x",)),
    ("idlelib.debugobj", "ObjectTreeItem.SetText", ("x",)),
    ("trace", "Trace.run", ("1",)),
    ("smtplib", "SMTP", ("127.0.0.1", 9)),
    ("http.client", "HTTPSConnection", ("x",)),
    ("sqlite3", "connect", ("pdm-gadget-has-run",)),
    ("dbm.dumb", "open", ("pdm-gadget-has-run", "c")),
    ("datetime", "datetime", (b"x",)),
    ("collections", "OrderedDict", ()),
    ("decimal", "Decimal", ("1",)),
    ("uuid", "UUID", ("1" * 32,)),
    ("ashd.pdm.srv", "listen", ("pdm-gadget-has-run/x",)),
    ("ashd.pdm.perf", "sysctl", ()),
    ("ashd.pdm.perf", "attrinfo", ()),
    ("__main__", "x", ()),
]


def _global(module: str, name: str) -> bytes:
    return b"c%s\n%s\n" % (module.encode(), name.encode())


def _stack_global(module: str, name: str) -> bytes:
    return (
        b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name)) + b"\x93"
    )


def _plain(value: Any) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def forms(module: str, name: str, args: tuple[Any, ...]) -> Iterator[tuple[str, bytes]]:
    """The ways to say in a pickle: call that."""
    call = _plain(args)
    for way, named in (
        ("GLOBAL", _global(module, name)),
        ("STACK_GLOBAL", _stack_global(module, name)),
    ):
        yield f"{way} REDUCE", named + call + b"R."
        yield f"{way} NEWOBJ", named + call + b"\x81."
        yield f"{way} NEWOBJ_EX", named + call + b"}\x92."
        yield f"{way} alone", named + b"."
        yield f"{way} BUILD", named + b"}X\x01\0\0\0xK\x01sb."
        yield f"{way} slots", named + b"N}X\x01\0\0\0xK\x01s\x86b."
        yield f"{way} in a request", b"(X\x08\0\0\0readattrq\0" + named + call + b"Rt."
        yield f"{way} as an argument", b"((" + named + call + b"Rl}K\x01" + named + call + b"Rst."
        yield f"{way} popped", named + call + b"R0N."
        yield f"{way} memo", named + b"q\x05" + call + b"R0h\x05" + call + b"R."
    yield "INST", b"(i%s\n%s\n." % (module.encode(), name.encode())
    yield "OBJ", b"(" + _global(module, name) + b"X\x01\0\0\0xo."


GADGETS: dict[str, dict[str, bytes]] = {}
"""For each form, the pickles that say it of one name each."""
for _module, _name, _args in CALLS:
    for _form, _data in forms(_module, _name, _args):
        GADGETS.setdefault(_form, {})[f"{_module}.{_name}"] = _data

each_form = pytest.mark.parametrize("gadgets", GADGETS.values(), ids=GADGETS)


MALFORMED = [
    b"",
    b".",
    b"N",
    b"NN.",
    b"\x80",
    b"\x80\x06N.",
    b"\x80\xffN.",
    b"\x95\xff\xff\xff\xff\xff\xff\xff\xff" + b"N.",
    b"(.",
    b"(((((((",
    b"t.",
    b"0.",
    b"1.",
    b"2.",
    b"R.",
    b"b.",
    b"a.",
    b"]a.",
    b"NNa.",
    b"}NNNu.",
    b"(NNNd.",
    b"}(Nu.",
    b")\x91.",
    b"N(NNu.",
    b"N(Ne.",
    b"N(N\x90.",
    b"}]Ns.",
    b"}}Ns.",
    b"\x8f(]\x90.",
    b"(]\x91.",
    b"h\x05.",
    b"j\xff\xff\xff\xff.",
    b"g5\n.",
    b"gx\n.",
    b"p1\n.",
    b"Np-1\n.",
    b"Nr\xff\xff\xff\xff.q",
    b"I\n.",
    b"Ix\n.",
    b"I" + b"9" * 5000 + b"\n.",
    b"L" + b"9" * 100_000 + b"L\n.",
    b"\x8b\xff\xff\xff\xff.",
    b"\x8b\xff\xff\xff\x7f.",
    b"\x8a\xff1.",
    b"X\xff\xff\xff\xffabc.",
    b"B\xff\xff\xff\xffabc.",
    b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc.",
    b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    b"\x96\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    b"T\xff\xff\xff\xffabc.",
    b"U\x05abc.",
    b"X\x01\0\0\0\xff.",
    b"S'abc\n.",
    b"Sabc\n.",
    b"V\\ud8\n.",
    b"Fx\n.",
    b"G\0.",
    b"P1\n.",
    b"NQ.",
    b"\x82\x01.",
    b"\x83\x01\x01.",
    b"\x84\x01\x01\x01\x01.",
    b"\x97.",
    b"\x98.",
    b"\x99.",
    b"\xff.",
    b"N.N.",
    b"c\n\n.",
    b"cos\n.",
    b"c\xff\n\xff\n.",
    b"NN\x93.",
    b"]]\x93.",
]


def bomb(levels: int) -> bytes:
    """Two to the power of `levels` tuples, if each were to be looked at."""
    return b")" + b"2\x86" * levels


def large_int(number: int, size: int) -> bytes:
    """An integer of that many bytes, which has the same hash whatever the number is."""
    value = (2**61 - 1) * (number << 62 | 1 << (8 * size - 200))
    data = value.to_bytes(size, "little")
    return b"\x8b" + struct.pack("<i", size) + data


BOMBS = [
    pytest.param(bomb(60) + b".", id="shared tuples"),
    pytest.param(b"}" + bomb(60) + b"Ns.", id="shared tuples as a key"),
    pytest.param(b"\x8f(" + bomb(60) + b"\x90.", id="shared tuples in a set"),
    pytest.param(b"(" + bomb(60) + b"\x91.", id="shared tuples in a frozenset"),
    pytest.param(b"}" + b")" + b"\x85" * 400_000 + b"Ns.", id="deep tuple as a key"),
    pytest.param(b")" + b"\x85" * 400_000 + b".", id="deep tuple"),
    pytest.param(b"(" + b"(" * 400_000 + b"l" * 400_001 + b".", id="deep list"),
    pytest.param(b"]" * 300_000 + b"a" * 299_999 + b".", id="deep list, other way"),
    pytest.param(b"]q\0h\0a.", id="list in itself"),
    pytest.param(b"}q\0Nh\0s.", id="dict in itself"),
    pytest.param(b"N" * 600_000, id="opcodes"),
    pytest.param(b"(" + b"N" * 450_000 + b"t.", id="nodes"),
    pytest.param(
        b"\x8f("
        + b"".join(b"\x8a\x0a" + ((2**61 - 1) * n).to_bytes(10, "little") for n in range(50_000))
        + b"\x90.",
        id="colliding keys",
    ),
    pytest.param(
        b"}(" + b"".join(large_int(n, 1000) + b"N" for n in range(9000)) + b"u.",
        id="large keys that collide",
    ),
    pytest.param(b"}" + large_int(1, 1 << 20) + b"q\0(" + b"h\0N" * 9000 + b"u.", id="huge key"),
    pytest.param(b"(" + large_int(1, 1100) + b"t.", id="an integer of 1100 bytes"),
    pytest.param(b"(I" + b"9" * 4000 + b"\nt.", id="an integer of 4000 digits"),
    pytest.param(
        b"}(" + b"".join(_plain((n, 0)) + b"N" for n in range(3000)) + b"u.",
        id="many tuples as keys",
    ),
    pytest.param(b"(" + b"\x8f" * 480_000 + b"l.", id="empty sets"),
    pytest.param(
        b"(X\0\0\x10\0" + b"x" * (1 << 20) + b"q\0" + b"h\0" * 100_000 + b"t.", id="shared text"
    ),
]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    import tempfile

    from ashd.pdm import srv

    with tempfile.TemporaryDirectory(prefix="pdm") as place, srv.listen(f"{place}/s"):
        yield f"{place}/s"


@pytest.fixture(scope="module")
def client(server: str) -> Iterator[RawClient]:
    with RawClient(server, "perf") as made:
        assert made.ask("bind", "live", "pdm.perf", "sysinfo") == ("+", ["dir"])
        yield made


def is_refused(client: RawClient, data: bytes) -> None:
    imported = set(sys.modules)
    client.pickle(data)
    assert b"-" in client.message_bytes()[:20]
    assert client.ask("ls", "live")[0] == "+"
    assert not MARKER.exists()
    assert "antigravity" not in set(sys.modules) - imported


@each_form
def test_server_runs_no_gadget(client: RawClient, gadgets: dict[str, bytes]) -> None:
    for name, data in gadgets.items():
        with about(name):
            is_refused(client, data)


@pytest.mark.parametrize("data", MALFORMED)
def test_server_refuses_malformed_pickles(client: RawClient, data: bytes) -> None:
    is_refused(client, data)


@pytest.mark.parametrize("data", BOMBS)
def test_server_survives_bombs(client: RawClient, data: bytes) -> None:
    is_refused(client, data)


@each_form
def test_client_runs_no_gadget(gadgets: dict[str, bytes]) -> None:
    for name, data in gadgets.items():
        with about(name):
            reads_no_gadget(data)


def reads_no_gadget(data: bytes) -> None:
    try:
        value = load(data, CLIENT_PICKLES, client_names)
    except RefusedPickle:
        pass
    else:
        assert not callable(value)
        assert is_plain(value) or isinstance(value, Exception)
    assert not MARKER.exists()


@pytest.mark.parametrize("data", MALFORMED)
def test_client_refuses_malformed_pickles(data: bytes) -> None:
    with pytest.raises(RefusedPickle):
        load(data, CLIENT_PICKLES, client_names)


class Reducing:
    """Pickles as a call of whatever it is told."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [
        Reducing(os.system, (COMMAND,)),
        Reducing(eval, ("1",)),
        Reducing(functools.partial, (os.system, COMMAND)),
        functools.partial(os.system, COMMAND),
        datetime.datetime(2000, 1, 1),
        os.system,
        Reducing,
        ValueError("x"),
        perf.AttrInfo("x"),
        1j,
        decimal.Decimal(1),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_server_refuses_what_pickle_writes(client: RawClient, value: Any, protocol: int) -> None:
    wrapped: Any
    for wrapped in (value, ("readattr", value), ("invoke", "live", "x", [value], {}), {1: [value]}):
        is_refused(client, pickle.dumps(wrapped, protocol))


def test_extension_codes_are_refused(client: RawClient) -> None:
    copyreg.add_extension("os", "system", 0x7A)
    try:
        pickle.loads(pickle.dumps(os.system, 2))  # now pickle has it in its cache
        is_refused(client, b"\x82\x7a" + _plain((COMMAND,)) + b"R.")
        with pytest.raises(RefusedPickle):
            load(b"\x82\x7a.", CLIENT_PICKLES, client_names)
    finally:
        copyreg.remove_extension("os", "system", 0x7A)


def test_error_text_names_what_was_refused(client: RawClient) -> None:
    client.pickle(_global("os", "system") + b".")
    assert b"os.system" in client.message_bytes()


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    for names in (None, client_names):
        try:
            value = load(data, SERVER_PICKLES, names)
        except RefusedPickle:
            continue
        assert is_plain(value) or names is not None


def is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(is_plain, value)) and all(map(is_plain, value.values()))
    if isinstance(value, tuple | list | set | frozenset):
        return all(map(is_plain, value))
    return value is None or isinstance(
        value, bool | int | float | complex | str | bytes | bytearray
    )


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.frozensets(st.integers() | st.text()),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers(), st.text()), inner)
        | st.sets(st.integers() | st.binary())
    ),
    max_leaves=20,
)


@given(plain, st.sampled_from([4, 5]))
def test_server_reads_plain_data_as_pickle_does(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    assert load(data, SERVER_PICKLES) == pickle.loads(data)


@given(plain, st.integers(0, 5))
def test_client_reads_plain_data_of_any_protocol(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    assert load(data, CLIENT_PICKLES, client_names) == pickle.loads(data)


@given(plain, st.data())
def test_cut_and_changed_pickles(value: Any, data: st.DataObject) -> None:
    whole = bytearray(pickle.dumps(("readattr", value), data.draw(st.integers(0, 5))))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    for names in (None, client_names):
        try:
            load(cut, SERVER_PICKLES, names)
        except RefusedPickle:
            pass


def test_escapes_that_mean_nothing_are_refused_without_a_warning() -> None:
    """Those that mean something are read; a backslash may stand before anything if it is one."""
    for text in (rb"S'\q'", rb"S'\\\q'", rb"S'\400'", b"c\\q\nname", b"cmodule\n\\q", b"P\\q"):
        with pytest.raises(RefusedPickle, match="an escape that means nothing"):
            load(text + b"\n.", SERVER_PICKLES, client_names)
    assert load(rb"S'\\q\x41\101\n'" + b"\n.", SERVER_PICKLES) == "\\qAA\n"


def test_texts_may_be_longer_than_the_text_of_a_number() -> None:
    value = ["ILgp" * 10_000, "9" * 10_000, 10**1000]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert load(pickle.dumps(value, protocol), SERVER_PICKLES) == value


def test_shared_lists_stay_shared() -> None:
    inner: list[int] = []
    first, second = load(pickle.dumps((inner, inner)), SERVER_PICKLES)
    assert first is second


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "raised",
    [
        ValueError("a", 1),
        KeyError("k"),
        OSError(2, "no such file", "name"),
        FileNotFoundError(2, "x"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        TimeoutError(),
        StopIteration(5),
        struct.error("x"),
        pickle.PicklingError("x"),
    ],
    ids=repr,
)
def test_client_reads_exceptions_of_the_standard_library(raised: Exception, protocol: int) -> None:
    raised.add_note("a note")
    found = load(pickle.dumps(("-", raised), protocol), CLIENT_PICKLES, client_names)[1]
    assert type(found) is type(
        pickle.loads(pickle.dumps(raised, protocol))
    )  # old protocols rename some
    assert found.args == raised.args


def test_client_takes_original_names_with_attributes() -> None:
    data = b"cpdm.perf\nfinishevent\n)\x81}(X\x02\0\0\0idK\x05X\x07\0\0\0abortedI00\nub."
    event = load(data, CLIENT_PICKLES, client_names)
    assert type(event) is perf.FinishEvent
    assert (event.id, event.aborted) == (5, False)
    old = (
        b"ccopy_reg\n_reconstructor\n(cpdm.perf\nattrinfo\nc__builtin__\nobject\nNtR"
        b"(dS'desc'\nS'text'\nsb."
    )
    info = load(old, CLIENT_PICKLES, client_names)
    assert (type(info), info.desc) == (perf.AttrInfo, "text")


@pytest.mark.parametrize(
    "data",
    [
        b"cpdm.perf\nattrinfo\n)\x81N}X\x01\0\0\0xK\x01s\x86b.",
        b"cpdm.perf\nattrinfo\n}X\x08\0\0\0__init__K\x01sb.",
        b"cpdm.perf\nattrinfo\n)\x81}X\x03\0\0\0a bK\x01sb.",
        b"cpdm.perf\nattrinfo\n)\x81}K\x01K\x01sb.",
        b"cpdm.perf\nattrinfo\n)}X\x01\0\0\0xK\x01s\x92.",
        b"cpdm.perf\nattrinfo\n.",
        b"(cpdm.perf\nattrinfo\nl.",
        b"cpdm.perf\nattrinfo\ncpdm.perf\nattrinfo\n\x85\x81.",
        b"ccopyreg\n_reconstructor\n(cbuiltins\nValueError\ncbuiltins\nobject\nNtR.",
        b"ccopyreg\n_reconstructor\n(cos\nsystem\ncbuiltins\nobject\nNtR.",
        b"cbuiltins\nValueError\nK\x01R.",
        b"cposix\nuname_result\nX\2\0\0\0no\x85R.",
        b"cbuiltins\nset\nJ\xff\xff\xff\x7f\x85R.",
        b"cbuiltins\nbytes\nJ\xff\xff\xff\x7f\x85R.",
        b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
        b"cpdm.perf\nsysctl\n)R.",
        b"cashd.pdm.perf\nAttrInfo\n)\x81.",
        b"cpdm.perf\nattrinfo.__init__\n)\x81.",
    ],
)
def test_client_refuses_abuse_of_known_names(data: bytes) -> None:
    with pytest.raises(RefusedPickle):
        load(data, CLIENT_PICKLES, client_names)
    assert perf.AttrInfo("still").desc == "still"


def exceptions(levels: int) -> bytes:
    """Two to the power of `levels` exceptions, if each were to be shown."""
    named = _global("builtins", "ValueError")
    twice = b"".join(b"q%c0" % n + named + b"h%ch%c\x86R" % (n, n) for n in range(levels))
    return named + b")R" + twice


@pytest.mark.parametrize(
    "data",
    [
        exceptions(60) + b".",
        b"(S'-'\n" + exceptions(60) + b"t.",
        b"cpdm.perf\nattrinfo\n)\x81}X\x04\0\0\0desc" + bomb(60) + b"sb.",
        _global("asyncio.exceptions", "IncompleteReadError") + b"C\0" + bomb(60) + b"\x86R.",
        b"cbuiltins\nset\n((" + b"".join(large_int(n, 1000) for n in range(9000)) + b"ltR.",
        b"cbuiltins\nfrozenset\n((" + b"K\x01" * 1_000_001 + b"ltR.",
    ],
    ids=["exceptions", "answer", "attributes", "repr in a constructor", "set", "frozenset"],
)
def test_client_counts_what_is_inside_what_it_builds(data: bytes) -> None:
    with pytest.raises(RefusedPickle):
        load(data, CLIENT_PICKLES, client_names)


@pytest.mark.parametrize(
    "data",
    [
        b"(" + b"\x8f" * 100_000 + b"l.",
        b"((" + b"\x91(" * 100_000 + b"l.",
        b"N" + b"\x94" * 100_000 + b".",
        b"(" + _global("pdm.perf", "attrinfo") + b"q\0" + b")\x81h\0" * 50_000 + b")\x81l.",
        b"(" + _global("builtins", "ValueError") + b"q\0" + b")Rh\0" * 50_000 + b")Rl.",
    ],
    ids=["sets", "frozensets", "memo", "objects", "exceptions"],
)
def test_memory_is_bounded_whatever_is_built(data: bytes) -> None:
    limits = replace(CLIENT_PICKLES, memory=4 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(RefusedPickle):
            load(data, limits, client_names)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_large_answers_of_little_things_are_read() -> None:
    value: Any
    for value in ([1] * 300_000, [{}] * 30_000, {n: str(n) for n in range(50_000)}):
        assert load(pickle.dumps(value), CLIENT_PICKLES, client_names) == value


def test_a_refusal_is_an_error_of_ours() -> None:
    assert issubclass(RefusedPickle, PdmError)
