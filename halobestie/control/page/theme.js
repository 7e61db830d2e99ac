// Before anything is drawn: the theme and language that were chosen on this device.
(() => {
  const kept = (name) => {
    try { return localStorage.getItem(name); } catch { return null; }
  };
  const theme = kept("halobestie.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  document.documentElement.lang = kept("halobestie.language") === "en" ? "en" : "id";
})();
