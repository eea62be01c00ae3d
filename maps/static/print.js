"use strict";
/* A button that prints the page; without scripts it does not show. */
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
