/* The bar at the foot of a case on a phone: its button opens the form where it lies; without script it is a link
   to the same page with the form open. */
(function () {
  "use strict";
  document.querySelectorAll(".gx-footbar [data-opens]").forEach(function (link) {
    link.addEventListener("click", function (event) {
      var form = document.getElementById(link.dataset.opens);
      if (!form) { return; }
      event.preventDefault();
      form.open = true;
      form.scrollIntoView({ block: "start" });
      form.querySelector("summary").focus({ preventScroll: true });
    });
  });
})();
