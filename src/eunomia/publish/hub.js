"use strict";
(() => {
  for (const line of document.querySelectorAll(".line")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const text = line.querySelector("pre").textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {  // no permission, or plain http: the line is selected, to be copied by hand
        getSelection().selectAllChildren(line.querySelector("pre"));
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    line.append(button);
  }

  const box = document.querySelector(".search");
  if (!box) return;
  const input = box.querySelector("input");
  const list = document.querySelector(".tools");
  const state = document.querySelector("#found");
  const rows = [...list.children].map((element, place) => ({
    element, place, name: element.dataset.name, words: element.dataset.words,
  }));

  const score = (row, words) => {
    let total = 1;
    for (const word of words) {
      if (row.name === word) total += 100;
      else if (row.name.startsWith(word)) total += 60;
      else if (row.name.includes(word)) total += 40;
      else if (` ${row.words}`.includes(` ${word}`)) total += 10;
      else if (row.words.includes(word)) total += 4;
      else return 0;
    }
    return total;
  };

  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.map((row) => ({ ...row, score: score(row, words) }));
    found.sort((one, two) => two.score - one.score || one.place - two.place);
    for (const row of found) {
      row.element.hidden = !row.score;
      list.append(row.element);
    }
    const count = found.filter((row) => row.score).length;
    state.textContent = words.length ? `${count} of ${rows.length} tools` : state.dataset.all;
    history.replaceState(null, "", words.length ? `#${encodeURIComponent(words.join(" "))}` : location.pathname + location.search);
  };

  box.hidden = false;
  try {
    input.value = decodeURIComponent(location.hash.slice(1));
  } catch { /* a fragment that nobody here has made */ }
  input.addEventListener("input", show);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== input) {
      event.preventDefault();
      input.focus();
    }
  });
  if (input.value) show();
})();
