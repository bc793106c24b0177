// The field agent of seed 001 as a page. Its session is in cookies that no script can read: a socket is opened by a ticket of one use, and
// when the token behind it is about to end, the next one takes over before the old one closes.
"use strict";

const $ = (id) => document.getElementById(id);
const cursors = {}; // of the last message seen, by channel
const seen = []; // ids of the last messages: what is repeated while one socket takes over from the other is shown once
let live = null; // the socket that is talked through
let away = 0; // seconds that the server asked to stay away
let failures = 0;
let me = "";

const csrf = () => (document.cookie.match(/(?:^|; )(?:__Host-)?sandi_csrf=([^;]*)/) || [])[1] || "";
const state = (text) => { $("state").textContent = text; };

async function post(path, body) {
  const headers = { "X-CSRF-TOKEN": csrf() };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch("/api/auth" + path, { method: "POST", headers, body: body && JSON.stringify(body) });
  return { ok: answer.ok, status: answer.status, ...(await answer.json().catch(() => ({}))) };
}

// signedOut shows the form again.
function signedOut(why) {
  live = null;
  $("enter").hidden = false;
  $("mission").hidden = true;
  state(why);
}

// connect opens a socket, and closes the one before when the new one is let in.
async function connect(renew) {
  let answer = renew ? await post("/refresh") : { ok: true };
  if (answer.ok) answer = await post("/ticket");
  if (answer.status === 401 && !renew) return connect(true);
  if (answer.status === 401 || answer.status === 403) return signedOut(answer.msg || "Signed out.");
  if (!answer.ok) return later();
  const url = new URL("/missions?ticket=" + encodeURIComponent(answer.ticket), location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  socket.resuming = new Set(Object.keys(cursors)); // channels of which what was missed is still to come
  socket.onmessage = (event) => hear(socket, JSON.parse(event.data));
  socket.onclose = (event) => { if (socket === live || live === null) closed(event); };
}

function closed(event) {
  live = null;
  state(`Disconnected: ${event.code} ${event.reason}`);
  switch (event.code) {
    case 4001: case 4003: case 4004: return signedOut(`${event.reason} (${event.code})`);
    case 4002: return void connect(true).catch(later);
  }
  later();
}

// later tries again when the server asked, or after a while that grows, and differs from page to page.
function later() {
  const wait = away || Math.min(2 ** failures++, 30) * (0.5 + Math.random() / 2);
  away = 0;
  setTimeout(() => connect(false).catch(later), wait * 1000);
}

const send = (socket, frame) => socket.send(JSON.stringify(frame));

const hears = {
  welcome(socket, m) {
    const old = live;
    live = socket;
    failures = 0;
    if (old) old.close();
    me = m.sub;
    state(`Connected as ${me}.`);
    $("enter").hidden = true;
    $("mission").hidden = false;
    for (const c of m.channels) if (!(c.channel in cursors)) cursors[c.channel] = c.cursor;
    for (const channel in cursors) send(socket, { type: "subscribe", channel, cursor: cursors[channel] });
  },
  message(socket, m) {
    if (!socket.resuming.has(m.channel)) cursors[m.channel] = m.cursor;
    if (seen.includes(m.id)) return;
    seen.push(m.id);
    if (seen.length > 200) seen.shift();
    show(`${m.channel} · ${m.from || "server"} · ${new Date(m.at).toLocaleTimeString()}`, typeof m.data === "string" ? m.data : JSON.stringify(m.data));
  },
  subscribed(socket, m) {
    if (!m.complete && socket.resuming.has(m.channel)) show(m.channel, "Something was missed here.");
    socket.resuming.delete(m.channel);
    cursors[m.channel] = m.cursor;
  },
  unsubscribed(_, m) {
    delete cursors[m.channel];
    show(m.channel, `Left: ${m.reason}`);
  },
  // Not at once: a token that lives for seconds is announced as soon as it is there.
  auth_expiring(socket, m) {
    state(`Connected as ${me}. The token is about to expire, and will be renewed.`);
    setTimeout(() => { if (socket === live) connect(true).catch(later); }, m.expires_in * 500);
  },
  going_away(_, m) { away = m.retry_after; },
  error(_, m) { show("Refused", m.msg + (m.path ? ` (at ${m.path})` : "")); },
};

function hear(socket, m) {
  if (Object.hasOwn(hears, m.type)) hears[m.type](socket, m);
}

// show adds a line. What others have sent is text, and never markup.
function show(head, text) {
  const item = document.createElement("li");
  const quiet = document.createElement("span");
  const what = document.createElement("span");
  quiet.className = "quiet";
  quiet.textContent = head;
  what.className = "what";
  what.textContent = text;
  item.append(quiet, what);
  $("log").append(item);
  while ($("log").childElementCount > 200) $("log").firstElementChild.remove();
}

$("enter").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await post("/login?transport=cookie", { username: $("username").value, password: $("password").value });
  $("password").value = "";
  if (!answer.ok) return state(answer.msg || "That did not work.");
  connect(false).catch(later);
});
$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!live) return;
  const channel = $("channel").value || undefined;
  send(live, { type: "publish", channel, data: $("text").value });
  $("text").value = "";
});
$("join").addEventListener("click", () => { if (live && $("channel").value) send(live, { type: "subscribe", channel: $("channel").value }); });
$("leave").addEventListener("click", () => post("/logout")); // the server then closes the socket, on whichever node it is

if (csrf()) connect(false).catch(later);
