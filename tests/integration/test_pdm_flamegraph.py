"""The script of a flame graph, in a browser."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from ashd.pdm.command.profile._flamegraph import write_html
from ashd.pdm.command.profile._stacks import Samples
from ashdtest.outside import find, needs

SAMPLES = Samples(
    {
        ("t", "main (/a/m.py:1)", "work (/a/m.py:2)"): 60,
        ("t", "main (/a/m.py:1)", "parse (/a/p.py:3)"): 40,
    },
    seconds=2.0,
    rate=50.0,
)

CLICKS = """<script>
function click(selector) {
  document.querySelector(selector).dispatchEvent(new MouseEvent("click", {bubbles: true}));
}
function search(words) {
  window.prompt = function () { return words; };
  click("#search");
  return document.querySelector("#details").textContent;
}
function shown() {
  return Array.from(document.querySelectorAll("g.f")).filter(function (f) {
    return f.style.display !== "none";
  }).map(function (f) { return f.dataset.t.split(" ")[0]; }).join(",");
}
var found = [];
click('g.f[data-t^="parse"]'); found.push(shown());
click("#reset"); found.push(shown());
found.push(search("pars|main"), search("pars"), search("("));
document.body.textContent = "RESULT[" + found.join(" ~ ") + "]";
</script></body>"""


@needs("chromium")
def test_zoom_and_search(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(write_html(SAMPLES, "x").replace("</body>", CLICKS), encoding="utf-8")
    browser = str(find("chromium"))
    found = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", str(page)],
        capture_output=True,
        text=True,
        check=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    result = re.search(r"RESULT\[(.*)\]", found.stdout)
    assert result
    zoomed, everything, both, one, wrong = result[1].split(" ~ ")
    assert set(zoomed.split(",")) == {"all", "t", "main", "parse"}
    assert set(everything.split(",")) == {"all", "t", "main", "work", "parse"}
    assert both == "pars|main: in 100.0 % of all samples"
    assert one == "pars: in 40.0 % of all samples"
    assert "SyntaxError" in wrong
