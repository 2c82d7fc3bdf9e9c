// Live parts of the page: one event stream; a part is replaced only when its HTML changed.
"use strict";
(() => {
  const offline = document.getElementById("offline");
  const parts = new Map([...document.querySelectorAll("[data-part]")].map((e) => [e.dataset.part, e]));
  const STALE_MS = 3000;
  let heard = performance.now();

  const source = new EventSource("/events");
  source.onmessage = (event) => {
    heard = performance.now();
    offline.hidden = true;
    for (const [name, value] of Object.entries(JSON.parse(event.data))) {
      if (name.startsWith("live:")) {
        const role = CSS.escape(name.slice(5));
        for (const img of document.querySelectorAll(`img[data-live="${role}"]`)) {
          img.src = `/live/${encodeURIComponent(name.slice(5))}?n=${value}`;
        }
      } else if (parts.has(name)) {
        parts.get(name).innerHTML = value;
      }
    }
  };
  source.onerror = () => { offline.hidden = false; };
  source.onopen = () => { heard = performance.now(); offline.hidden = true; };
  setInterval(() => {
    if (source.readyState !== EventSource.OPEN && performance.now() - heard > STALE_MS) offline.hidden = false;
  }, 1000);

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-post]");
    if (!button) return;
    fetch(button.dataset.post, {
      method: "POST",
      headers: { "x-demo-token": document.body.dataset.token },
      body: button.dataset.word,
    });
  });
})();
