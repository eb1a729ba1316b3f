// Two minutes before an idle session ends, says so and lets one button go on. Without it, pages work the same.
(() => {
  const box = document.getElementById("idle");
  if (!box) return;
  const [button, over] = [box.querySelector("button"), box.querySelector("[data-over]")];
  let timer, before;
  const start = () => {
    clearTimeout(timer);
    if (box.contains(document.activeElement) && before) before.focus();
    box.hidden = over.hidden = true;
    timer = setTimeout(show, (box.dataset.idle - 120) * 1000);
  };
  const show = () => {
    box.hidden = false;
    before = document.activeElement;
    if (!/^(INPUT|SELECT|TEXTAREA)$/.test(before && before.tagName)) button.focus({ preventScroll: true });
  };
  button.addEventListener("click", async () => {
    const body = new URLSearchParams({ form: box.dataset.form });
    const answer = await fetch("/stay", { method: "POST", body }).catch(() => ({}));
    if (answer.ok) start();
    else over.hidden = false;
  });
  start();
})();
