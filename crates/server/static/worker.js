// Shows what the gate tells this browser, and opens the request. It keeps nothing, asks for nothing and is in no page's way: it has
// no other events, and no page lies below its address. Nothing here approves.

const WHAT = {
  asked: "Decision needed",
  escalated: "Still undecided: decision needed",
  changed: "The question has changed",
  question: "A reviewer has a question",
  closed: "Closed: nobody need decide any more",
  outcome: "It was executed, or failed",
  remains: "A credential is still at its target",
  stopped: "A signal stopped a workload",
  flagged: "A signal says that a workload is unusual",
  taken_away: "A credential was taken away",
  glass_broken: "The glass was broken",
  glass_used: "The glass was broken: it is being carried out",
  glass_overdue: "Too few people have looked at what was let out by break-glass",
  glass_reviewed: "Somebody has looked at what was let out by break-glass",
};

/** Where a click leads: to a request, a task or the workloads of this very site, and never anywhere else, whatever a message says. */
function place(link) {
  const path = /^https?:\/\/[^/]+(\/requests\/req_[0-9a-f]{32}|\/tasks\/tsk_[0-9a-f]{32}|\/workloads)$/.exec(link ?? "")?.[1] ?? "/";
  return new URL(path, self.location.origin).href;
}

function read(data) {
  try {
    return data?.json() ?? {};
  } catch {
    return {};
  }
}

self.addEventListener("push", (event) => {
  const { tier, what, sentence, words, link } = read(event.data);
  const there = place(link);
  const title = what === "test" ? "[TEST] Gatehold" : `${tier ? `[${String(tier).toUpperCase()}] ` : ""}${WHAT[what] ?? "Gatehold has something to tell"}`;
  const lines = [sentence, words ? `Words: ${words}` : ""].map((line) => String(line ?? "")).filter((line) => line);
  // One of each place: what is told later stands in place of what was told before.
  event.waitUntil(self.registration.showNotification(title, { body: lines.join("\n"), tag: there, data: { there }, renotify: true }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { there } = event.notification.data;
  event.waitUntil((async () => {
    const open = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const shows = open.find((client) => client.url === there);
    return shows ? shows.focus() : self.clients.openWindow(there);
  })());
});
