// A socket that stays: reconnects with growing pauses, renews the token when it was refused,
// and begins anew (the server tells the whole again) after every gap.

import { accessToken, leave, refresh } from "./auth.js";

const PAUSES = [300, 1000, 2000, 5000, 10000]; // milliseconds
const EXPIRED = 4401;
const SIGNED_OUT = 4403;

// onState gets "connecting", "live" or "lost". Returns a function that ends it.
export function watch(path, { onFrame, onState }) {
  let socket = null;
  let tries = 0;
  let timer = 0;
  let asked = null; // how long a draining server wants us to wait
  let ended = false;

  function open() {
    onState(tries ? "lost" : "connecting");
    const origin = location.origin.replace(/^http/, "ws");
    socket = new WebSocket(origin + path, ["halobestie", `bearer.${accessToken()}`]);
    socket.addEventListener("message", (event) => {
      if (ended) return;
      const frame = JSON.parse(event.data);
      if (frame.type === "server_draining") {
        asked = frame.reconnect_in_ms;
        return;
      }
      tries = 0;
      onState("live");
      onFrame(frame);
    });
    socket.addEventListener("close", (event) => { if (!ended) closed(event.code); });
  }

  async function closed(code) {
    onState("lost");
    if (code === SIGNED_OUT) {
      leave();
      return;
    }
    if (code === EXPIRED) await refresh().catch(() => {});
    if (ended || !accessToken()) return;
    const pause = asked ?? PAUSES[Math.min(tries, PAUSES.length - 1)];
    asked = null;
    tries += 1;
    timer = setTimeout(open, pause * (0.8 + Math.random() * 0.4));
  }

  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    // Closing one that is still connecting is an error in the browser's console.
    if (socket.readyState === WebSocket.CONNECTING) {
      socket.addEventListener("open", () => socket.close(1000));
    } else {
      socket.close(1000);
    }
  };
}
