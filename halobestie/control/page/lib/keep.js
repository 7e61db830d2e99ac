// Small choices that stay on this device. A browser that keeps nothing is fine too.

export function kept(name) {
  try { return localStorage.getItem(`halobestie.${name}`); } catch { return null; }
}

export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(`halobestie.${name}`);
    else localStorage.setItem(`halobestie.${name}`, value);
  } catch { /* private window: chosen anew next time */ }
}
