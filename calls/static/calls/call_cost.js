"use strict";
// The cost of a call that is live, once a second, until it is over.
(() => {
  const shown = document.querySelector("[data-cost-url]");
  if (!shown) return;
  const renew = async () => {
    try {
      const answer = await fetch(shown.dataset.costUrl, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const told = await answer.json();
      shown.textContent = told.shown;
      if (told.live) setTimeout(renew, 1000);
    } catch {
      setTimeout(renew, 5000); // the server is away for a moment
    }
  };
  setTimeout(renew, 1000);
})();
