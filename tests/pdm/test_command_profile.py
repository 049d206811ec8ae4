from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from ashd.pdm._records import Profile
from ashd.pdm.command.profile._flamegraph import write_html, write_svg
from ashd.pdm.command.profile._run import summary, write_collapsed, write_speedscope
from ashd.pdm.command.profile._stacks import Samples, Stack, place, read_answers

MAIN = "MainThread;main (/app/main.py:3);"
ANSWER: Profile = {
    "stacks": {
        MAIN + "work (/app/jobs.py:10)": 60,
        MAIN + 'work (/app/jobs.py:11);parse (/app/<odd> & "x".py:5)': 30,
        "idle;run (/lib/threading.py:1);Condition.wait (/lib/threading.py:320)": 90,
        "odd \x1b name;<lambda> (<string>:1)": 10,
    },
    "dropped": 0,
    "seconds": 2.0,
    "rate": 50.0,
}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def samples() -> Samples:
    return read_answers({"": ANSWER}, idle=False)


def test_threads_that_wait_are_left_out_unless_they_are_asked_for(samples: Samples) -> None:
    assert (samples.total, samples.idle) == (100, 90)
    assert read_answers({"": ANSWER}, idle=True).total == 190


def test_workers_are_the_outermost_frames() -> None:
    found = read_answers({"1": ANSWER, "2": ANSWER}, idle=False)
    assert found.total == 200
    assert {stack[0] for stack in found.stacks} == {"worker 1", "worker 2"}


def test_labels() -> None:
    assert place("f (/a/b.py:12)").line == 12
    assert place("f (/a (old)/b:c.py:12)").file == "/a (old)/b:c.py"
    assert place("Thread-1 (worker)").file == ""


def test_summary(samples: Samples) -> None:
    lines = list(summary(samples, 2))
    assert "100 samples in 2.0 s" in lines[0]
    assert "90 more" in lines[1]
    assert lines[-2].split()[:4] == ["60.0", "%", "90.0", "%"]
    assert "work" in lines[-2]
    assert "parse" in lines[-1]


def test_nothing_to_summarize() -> None:
    assert list(summary(Samples({}, 1.0, 50.0), 5))[-1] == "no thread was at work"


def test_collapsed_stacks(samples: Samples) -> None:
    lines = write_collapsed(samples, "").splitlines()
    assert f"{MAIN}work (/app/jobs.py:10) 60" in lines
    assert all(line.isprintable() for line in lines)


def test_speedscope(samples: Samples) -> None:
    found = json.loads(write_speedscope(samples, "title"))
    frames = found["shared"]["frames"]
    by_name = {profile["name"]: profile for profile in found["profiles"]}
    main = by_name["MainThread"]
    assert main["endValue"] == pytest.approx(90 / 50)
    named = [[frames[at]["name"] for at in stack] for stack in main["samples"]]
    assert ["main", "work"] in named
    assert {"name": "work", "file": "/app/jobs.py", "line": 10} in frames
    assert len(main["samples"]) == len(main["weights"])


def boxes(text: str) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(text.encode())
    return {group.attrib["data-t"]: group for group in root.iter(f"{SVG}g")}


def test_flame_graph(samples: Samples) -> None:
    found = boxes(write_svg(samples, "a <title>"))
    assert found["all"].attrib["data-w"] == "1.000000"
    assert found["work (app/jobs.py:10)"].attrib["data-w"] == "0.600000"
    assert found['parse (app/<odd> & "x".py:5)'].attrib["data-d"] == "4"
    title = found["work (app/jobs.py:10)"].find(f"{SVG}title")
    assert title is not None
    assert title.text == "work (/app/jobs.py:10): 60 samples, 60.0 %"


def test_a_flame_graph_needs_no_other_file(samples: Samples) -> None:
    text = write_html(samples, "x")
    assert text.startswith("<!DOCTYPE html>")
    assert text.replace("http://www.w3.org/2000/svg", "").count("http") == 0
    assert "src=" not in text


def test_narrow_boxes_are_left_out() -> None:
    stacks: dict[Stack, int] = {("t", "wide (/f.py:1)"): 1_000_000, ("t", "narrow (/f.py:2)"): 1}
    text = write_svg(Samples(stacks, 1.0, 50.0), "x")
    assert "wide" in text
    assert "narrow" not in text


def test_no_samples_at_all() -> None:
    assert "all" in boxes(write_svg(Samples({}, 1.0, 50.0), "x"))
    json.loads(write_speedscope(Samples({}, 1.0, 0.0), "x"))
