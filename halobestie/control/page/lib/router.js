// Addresses after the #: "#/sesi/0190…?status=active". One page at a time.

export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  return { path: path || "/", query: Object.fromEntries(new URLSearchParams(query)) };
}

export function address(path, query = {}) {
  const wanted = Object.entries(query).filter(([, value]) => value);
  return `#${path}${wanted.length ? `?${new URLSearchParams(wanted)}` : ""}`;
}

export const here = () => parse(location.hash);

export function go(path, query) {
  location.hash = address(path, query);
}

// The same page with other filters: no new page is drawn, and "back" leaves the page.
export function replaceQuery(query) {
  history.replaceState(null, "", address(here().path, query));
}

// routes: [{ pattern: "/sesi/:id", ... }]; the first that fits, with its parameters.
export function match(routes, path) {
  const parts = path.split("/").filter(Boolean);
  for (const route of routes) {
    const wanted = route.pattern.split("/").filter(Boolean);
    if (wanted.length !== parts.length) continue;
    const params = {};
    const fits = wanted.every((part, index) => {
      if (!part.startsWith(":")) return part === parts[index];
      params[part.slice(1)] = decodeURIComponent(parts[index]);
      return true;
    });
    if (fits) return { route, params };
  }
  return null;
}
