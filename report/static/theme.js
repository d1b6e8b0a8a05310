// Runs before the page is drawn: the chosen theme holds from the first paint on. Without a choice the system's holds.
(() => {
  const themes = ["system", "light", "dark"];
  const root = document.documentElement;
  let theme = "system";
  try { theme = localStorage.getItem("ntkbench-theme") ?? theme; } catch { /* no storage for files: the choice ends with the page */ }
  const apply = () => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };
  apply();
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const label = () => { button.textContent = `Theme: ${theme}`; };
    button.hidden = false;
    label();
    button.addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      try { localStorage.setItem("ntkbench-theme", theme); } catch { /* as above */ }
      apply();
      label();
    });
    // A menu closes when something else is wanted.
    const menu = document.querySelector(".menu");
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && menu?.open) { menu.open = false; menu.querySelector("summary").focus(); }
    });
    addEventListener("click", (event) => { if (menu && !menu.contains(event.target)) menu.open = false; });
  });
})();
