// The script's page: rehearse the text as it stands, without saving it.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("rehearse");
  const body = document.getElementById("id_body");
  if (!button) return;
  if (!body) {
    button.remove();
    return;
  }
  button.addEventListener("click", async () => {
    const shown = document.getElementById("rehearsal");
    const token = document.querySelector("input[name=csrfmiddlewaretoken]").value;
    button.disabled = true;
    try {
      const answer = await fetch(button.dataset.url, {
        method: "POST",
        headers: { "X-CSRFToken": token },
        body: new URLSearchParams({ body: body.value }),
      });
      shown.innerHTML = answer.ok ? await answer.text() : "The server did not answer: try again.";
    } catch {
      shown.textContent = "The server did not answer: try again.";
    } finally {
      button.disabled = false;
    }
  });
});

// Texts and points: the sum of the best of each part, as the points are typed.
document.addEventListener("DOMContentLoaded", () => {
  const sum = document.getElementById("sum");
  if (!sum) return;
  const points = [...document.querySelectorAll("input[data-part]")];
  const own = [...document.querySelectorAll("textarea[data-own]")];
  const pointsOf = (line) => Number(line.trim().split(/[ :]+/).pop()) || 0;
  const isAsked = (area) => area.closest("tr").querySelector("input[name$='.place']").value !== "";
  const bestOf = (area) => (isAsked(area) ? Math.max(0, ...area.value.split("\n").map(pointsOf)) : 0);
  const add = () => {
    const best = {};
    for (const one of points) best[one.dataset.part] = Math.max(best[one.dataset.part] || 0, Number(one.value) || 0);
    const sides = {};
    for (const one of own) sides[one.dataset.own] = (sides[one.dataset.own] || 0) + bestOf(one);
    const total = Object.values(best).reduce((all, one) => all + one, 0) + Math.max(0, ...Object.values(sides));
    sum.textContent = total;
    sum.classList.toggle("tone-bad", total > 100);
  };
  sum.closest("form").addEventListener("input", add);
  add();
});
