// Keeps what changes on a page up to date. Without this file pages say the same when they are loaded again.
"use strict";
(() => {
  const root = document.querySelector("[data-live]");
  if (!root) return;
  const announce = document.getElementById("announce");
  const SAY_EVERY_MS = 20000;
  let wait = 1000, timer = 0, said = null, saidAt = 0, stopped = false;

  const FOCUSABLE = "a[href], button, summary, input, [tabindex]";

  // Puts a part in place, and what somebody does with it goes on: what is open, scrolled or focused stays so.
  function put(fresh) {
    const old = document.getElementById(fresh.id);
    if (!old) return;
    const pairs = (css) => {
      const [before, after] = [old, fresh].map((part) => [...part.querySelectorAll(css)]);
      return before.length === after.length ? before.map((el, i) => [el, after[i]]) : [];
    };
    for (const [before, after] of pairs("details")) after.open = before.open;
    if (old.isEqualNode(fresh)) return;
    const selected = document.getSelection();
    if (selected && !selected.isCollapsed && old.contains(selected.anchorNode)) return;
    const scrolled = pairs(".scroll").map(([before, after]) => [after, before.scrollLeft]);
    const focus = pairs(FOCUSABLE).find(([before]) => before === document.activeElement);
    if (!focus && old.contains(document.activeElement)) return;
    old.replaceWith(fresh);
    for (const [after, left] of scrolled) after.scrollLeft = left;
    if (focus) focus[1].focus({ preventScroll: true });
  }

  // For those who listen: when the state changes, else now and then.
  function say(text) {
    const word = text.split(":")[0], now = Date.now();
    if (said !== null && word === said.split(":")[0] && now - saidAt < SAY_EVERY_MS) return;
    if (said !== null && text !== said) announce.textContent = text;
    said = text;
    saidAt = now;
  }

  async function refresh() {
    clearTimeout(timer);
    if (stopped || document.hidden) return;
    try {
      const answer = await fetch(root.dataset.live, { cache: "no-store", redirect: "error" });
      if (answer.status === 401) return location.reload();
      if (answer.status === 404) { stopped = true; return; }
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const frame = page.querySelector("[data-every]");
      if (!frame) throw new Error("no part of a page");
      for (const part of [...frame.querySelectorAll("[data-part]")]) put(part);
      say(frame.dataset.say);
      wait = 1000 * Number(frame.dataset.every);
      stopped = wait === 0;
    } catch {
      // The daemon is away or has too much to do: look again later, and less and less often.
      wait = Math.min(2 * Math.max(wait, 1000), 30000);
    }
    if (!stopped) timer = setTimeout(refresh, wait);
  }

  document.addEventListener("visibilitychange", refresh);
  timer = setTimeout(refresh, wait);
})();
