"use strict";
// What a test call shows: its state, what is said, and what would have been kept.
window.talkPage = () => {
  const part = (name) => document.getElementById(`talk-${name}`);
  const root = document.querySelector(".talk-page");
  const steps = {
    vad_stop_ms: "end of speech heard",
    transcript_ms: "transcribed",
    turn_decided_ms: "turn decided",
    reply_ms: "reply ready",
    first_clause_ms: "first clause spoken",
    filler_ms: "filler",
    first_audio_ms: "first sound",
  };
  const made = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const words = (name) => name.replaceAll("_", " ");
  const clock = (ms) => `${Math.floor(ms / 60000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`;
  const empty = part("turns").querySelector(".empty");
  const add = (...elements) => {
    const turns = part("turns");
    empty.remove();
    turns.append(...elements);
    turns.scrollTop = turns.scrollHeight;
  };

  return {
    part,
    root,
    state(name, sentence) {
      root.dataset.state = name;
      part("state").textContent = sentence;
      const busy = name === "asking" || name === "connecting";
      const talking = name === "talking" || name === "ending";
      part("start").hidden = busy || talking;
      part("start").textContent = name === "failed" ? "Try again" : "Talk again";
      part("end").hidden = !(busy || talking);
      part("live").hidden = !talking;
      part("form").hidden = busy || talking;
    },
    error(sentence) {
      part("error").textContent = sentence;
      part("error").hidden = !sentence;
    },
    clear() {
      part("turns").replaceChildren(empty);
      part("outcome").hidden = true;
      this.error("");
    },
    note(text) {
      add(made("p", "talk-note", text));
    },
    turn(turn) {
      const bubble = made("div", `turn turn-${turn.speaker}`);
      const said = made("p", "said", turn.text || "…");
      if (turn.interrupted) said.append(" ", made("span", "cut", "interrupted"));
      const who = turn.speaker === "agent" ? root.dataset.agent : "You";
      bubble.append(said, made("p", "when", `${clock(turn.start_ms)} ${who}`));
      if (turn.latency_ms === null) return add(bubble);
      const wait = made("p", turn.latency_ms > 1500 ? "wait slow" : "wait", `answered after ${turn.latency_ms} ms`);
      wait.title = Object.entries(turn.steps).map(([name, ms]) => `${steps[name] ?? words(name)}: ${ms} ms`).join("\n");
      return add(wait, bubble);
    },
    outcome(ended) {
      const head = made("p");
      head.append(made("span", "badge badge-plain", words(ended.disposition)), ` Score ${ended.score} of 100.`);
      const kept = [head, made("p", "", ended.summary)];
      if (ended.acts.length) {
        const acts = made("ul");
        acts.append(...ended.acts.map((sentence) => made("li", "", sentence)));
        kept.push(acts);
      }
      if (Object.keys(ended.facts).length) {
        const table = made("table");
        for (const [name, value] of Object.entries(ended.facts)) {
          const row = table.insertRow();
          row.append(made("th", "", words(name)), made("td", "", value));
        }
        kept.push(table);
      }
      kept.push(made("p", "help", "Nothing of this was kept: it was a test."));
      part("kept").replaceChildren(...kept);
      part("outcome").hidden = false;
      part("outcome").focus({ preventScroll: false });
    },
  };
};
