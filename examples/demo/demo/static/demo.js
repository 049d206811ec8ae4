// The site works without this. With it an upload shows how far it is, and /process keeps up.
"use strict";

function upload(form) {
  const bar = form.querySelector("progress");
  const says = form.querySelector("output");
  const button = form.querySelector("button");
  const request = new XMLHttpRequest();
  const end = (text) => {
    says.textContent = text;
    bar.hidden = true;
    button.disabled = false;
  };
  request.upload.onprogress = (progress) => {
    bar.value = progress.loaded / progress.total;
    says.textContent = Math.floor(bar.value * 100) + " %";
  };
  request.onload = () => {
    const answer = request.response && request.response.querySelector("main");
    if (!answer) return end("The server said: " + request.status + " " + request.statusText);
    document.querySelector("main").replaceWith(document.importNode(answer, true));
  };
  request.onerror = () => end("The connection was lost.");
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "text/html");
  request.responseType = "document";
  bar.hidden = false;
  button.disabled = true;
  request.send(new FormData(form));
}

document.addEventListener("submit", (event) => {
  if ("progress" in event.target.dataset) {
    event.preventDefault();
    upload(event.target);
  }
});

// Fetches to the end: a response that nobody reads would hold its connection.
async function drain(url) {
  const response = await fetch(url, { headers: { Accept: "text/plain" } });
  await response.text();
}

for (const button of document.querySelectorAll("[data-fetch]")) {
  button.hidden = false;
  button.addEventListener("click", () => drain(button.dataset.fetch).catch(() => {}));
}

async function follow(box) {
  if (box.checked && !document.hidden) {
    try {
      const response = await fetch(box.dataset.live, { headers: { Accept: "text/html" } });
      if (response.ok) document.getElementById("live").innerHTML = await response.text();
    } catch {
      // The server is away: what was seen last stays.
    }
  }
  setTimeout(follow, 1000, box);
}

for (const box of document.querySelectorAll("[data-live]")) {
  box.closest("label").hidden = false;
  follow(box);
}
