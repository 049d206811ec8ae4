(function () {
  "use strict";
  var svg = document.currentScript ? document.currentScript.closest("svg") : document.documentElement;
  var WIDTH = 1200, CHARACTER = 7.0;
  var details = svg.querySelector("#details");
  var frames = Array.prototype.map.call(svg.querySelectorAll("g.f"), function (g) {
    return {
      g: g, rect: g.querySelector("rect"), text: g.querySelector("text"),
      title: g.querySelector("title").textContent, label: g.dataset.t,
      left: +g.dataset.l, width: +g.dataset.w, depth: +g.dataset.d
    };
  });
  var EPSILON = 1e-6;

  function cut(label, width) {
    var room = Math.floor((width - 6) / CHARACTER);
    if (room < 3) { return ""; }
    return label.length <= room ? label : label.slice(0, room - 2) + "..";
  }

  function zoom(to) {
    var right = to.left + to.width;
    frames.forEach(function (f) {
      var above = f.depth < to.depth && f.left <= to.left + EPSILON && f.left + f.width >= right - EPSILON;
      var inside = f.depth >= to.depth && f.left >= to.left - EPSILON && f.left + f.width <= right + EPSILON;
      f.g.style.display = above || inside ? "" : "none";
      f.g.classList.toggle("above", above);
      if (!above && !inside) { return; }
      var x = above ? 0 : (f.left - to.left) / to.width * WIDTH;
      var width = above ? WIDTH : f.width / to.width * WIDTH;
      f.rect.setAttribute("x", x);
      f.rect.setAttribute("width", Math.max(width - 0.5, 0.2));
      f.text.setAttribute("x", x + 3);
      f.text.textContent = cut(f.label, width);
    });
  }

  // The share of samples that have a match anywhere in their stack: what is inside another match
  // is not counted twice.
  function search(words) {
    var pattern;
    try { pattern = new RegExp(words, "i"); } catch (e) { details.textContent = String(e); return; }
    var ends = [], share = 0;
    frames.slice().sort(function (a, b) { return a.depth - b.depth; }).forEach(function (f) {
      var hit = words !== "" && pattern.test(f.title);
      f.g.classList.toggle("found", hit);
      if (!hit) { return; }
      var covered = ends.some(function (e) {
        return f.left >= e[0] - EPSILON && f.left + f.width <= e[1] + EPSILON;
      });
      if (!covered) { ends.push([f.left, f.left + f.width]); share += f.width; }
    });
    details.textContent = words === "" ? " " : words + ": in " + (100 * share).toFixed(1) + " % of all samples";
  }

  frames.forEach(function (f) {
    f.g.addEventListener("click", function () { zoom(f); });
    f.g.addEventListener("mouseover", function () { details.textContent = f.title; });
  });
  svg.querySelector("#reset").addEventListener("click", function () { zoom(frames[0]); search(""); });
  svg.querySelector("#search").addEventListener("click", function () {
    var words = window.prompt("Regular expression to look for:", "");
    if (words !== null) { search(words); }
  });
  window.addEventListener("keydown", function (event) {
    if (event.key === "Escape") { zoom(frames[0]); search(""); }
  });
}());
