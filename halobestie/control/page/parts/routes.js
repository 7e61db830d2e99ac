// Every page and its address. A page's module is fetched when it is first opened, and has
// `render(view)`: what to show now; view.onLeave and view.signal end what it started.

const page = (pattern, title, load, more = {}) => ({ pattern, title, load, ...more });

const watch = [
  page("/dasbor", "nav.dashboard", () => import("../pages/dashboard.js")),
  page("/sesi", "nav.sessions", () => import("../pages/sessions.js")),
  page("/pencarian", "nav.searches", () => import("../pages/searches.js")),
  page("/pairing-gagal", "nav.failures", () => import("../pages/failures.js")),
  page("/uang", "nav.money", () => import("../pages/money.js")),
];
const people = [
  page("/mitra", "nav.mitras", () => import("../pages/mitras.js")),
  page("/log-online", "nav.onlinelog", () => import("../pages/onlinelog.js")),
  page("/pelanggan", "nav.customers", () => import("../pages/customers.js")),
];
const system = [
  page("/pengaturan", "nav.settings", () => import("../pages/settings.js")),
  page("/operator", "nav.operators", () => import("../pages/operators.js"), { admin: true }),
  page("/audit", "nav.audit", () => import("../pages/audit.js")),
  page("/aktor", "nav.actors", () => import("../pages/actors.js")),
];

export const GROUPS = [["watch", watch], ["people", people], ["system", system]];

export const ROUTES = [
  page("/", "nav.dashboard", () => import("../pages/dashboard.js")),
  ...watch, ...people, ...system,
  page("/sesi/:id", "nav.sessions", () => import("../pages/session.js")),
  page("/pencarian/:id", "nav.searches", () => import("../pages/search.js")),
  page("/mitra/:id", "nav.mitras", () => import("../pages/mitra.js")),
  page("/pelanggan/:id", "nav.customers", () => import("../pages/customer.js")),
];
