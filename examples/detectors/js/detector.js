// Finds runs of digits as long as a phone number. What crosses the boundary is in detector.wit.
//
// The host snapshots the memory after `configure`, and every event gets a fresh copy of it: what is
// built out here or there costs nothing later, and nothing that `evaluate` keeps is seen again.

const RUN = /[0-9](?:[ .()-]{0,2}[0-9])*/g;
const utf8 = new TextEncoder();

const bytes = (text) => utf8.encode(text).length;

export const detector = {
  describe: () =>
    JSON.stringify({
      schema: 1,
      name: "digits-js",
      version: "1.0.0",
      summary: "Finds runs of digits as long as a phone number.",
      labels: ["contact.phone"],
      events: ["message.*"],
      inputs: [{ kind: "field", path: "data.content" }],
    }),

  // To refuse the settings, throw a text.
  configure(settings) {
    if (settings !== "{}") throw "this detector has no settings";
  },

  evaluate(event) {
    const [content] = event.inputs;
    if (content.tag !== "text") return [];
    const signals = [];
    for (const run of content.val.matchAll(RUN)) {
      const digits = run[0].replace(/[^0-9]/g, "");
      if (digits.length < 7 || digits.length > 15) continue;
      // Evidence is counted in bytes of UTF-8, a text here in units of UTF-16.
      const start = bytes(content.val.slice(0, run.index));
      signals.push({
        label: "contact.phone",
        score: 0.8,
        confidence: 0.6,
        reason: "A run of digits as long as a phone number.",
        spans: [{ input: 0, item: 0, start, end: start + bytes(run[0]) }],
        entities: [{ kind: "phone", value: digits }],
      });
    }
    return signals;
  },
};
