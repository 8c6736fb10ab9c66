"use strict";
// The parts of a call play one after the other, and a turn's time plays it.
(() => {
  const players = [...document.querySelectorAll("audio[data-since-ms]")];
  players.forEach((player, place) => {
    player.addEventListener("ended", () => players[place + 1]?.play());
    player.addEventListener("play", () => players.forEach((other) => other !== player && other.pause()));
  });
  for (const turn of document.querySelectorAll(".turn[data-at-ms]")) {
    const at = Number(turn.dataset.atMs);
    const since = (player) => Number(player.dataset.sinceMs);
    const player = players.filter((one) => since(one) <= at + 1000).pop();
    const when = turn.querySelector(".when span");
    if (!player || !when) continue;
    when.tabIndex = 0;
    when.setAttribute("role", "button");
    when.style.cursor = "pointer";
    const play = () => {
      player.currentTime = Math.max(0, (at - since(player)) / 1000);
      player.play();
    };
    when.addEventListener("click", play);
    when.addEventListener("keydown", (event) => event.key === "Enter" && play());
  }
  for (const button of document.querySelectorAll("button[data-confirm]")) {
    button.addEventListener("click", (event) => {
      if (!window.confirm(button.dataset.confirm)) event.preventDefault();
    });
  }
})();
