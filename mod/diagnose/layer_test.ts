import { assertEquals } from "@std/assert";
import { isSound, LAYERS, type Looks, walk } from "./layer.ts";

const ok = () => ({ status: "ok", says: "well" } as const);
const ALL: Looks = Object.fromEntries(LAYERS.map((layer) => [layer, ok]));

Deno.test("walk() looks at the layers in the order in which a packet passes them", async () => {
  const seen: string[] = [];
  const diagnosis = await walk(ALL, { subject: "pod a", onLayer: (layer) => seen.push(layer) });
  assertEquals(seen, [...LAYERS]);
  assertEquals([diagnosis.broken, isSound(diagnosis)], [undefined, true]);
});

Deno.test("walk() stops where the way is broken, and does not look behind it", async () => {
  for (const [at, layer] of LAYERS.entries()) {
    const seen: string[] = [];
    const looks = { ...ALL, [layer]: () => ({ status: "broken", says: "torn" }) };
    const diagnosis = await walk(looks, { subject: "pod a", onLayer: (one) => seen.push(one) });
    assertEquals(diagnosis.broken?.layer, layer);
    assertEquals(seen, LAYERS.slice(0, at + 1));
    assertEquals(diagnosis.path.map((step) => step.layer), [...LAYERS]);
    assertEquals(diagnosis.path.slice(at + 1).every(({ status }) => status === "skipped"), true);
  }
});

Deno.test("walk() goes on behind a layer that could not be looked at, and is not sound", async () => {
  const looks: Looks = {
    ...ALL,
    flows: () => {
      throw new Error("no permission");
    },
  };
  const diagnosis = await walk(looks, { subject: "pod a" });
  const step = diagnosis.path.find(({ layer }) => layer === "flows");
  assertEquals([step?.status, step?.says], [
    "unknown",
    "could not be looked at: no permission",
  ]);
  assertEquals([diagnosis.broken, isSound(diagnosis)], [undefined, false]);
});

Deno.test("walk() skips what is not on the way, and that is sound", async () => {
  const { vlan: _, ...looks } = { ...ALL, uplink: () => undefined };
  const diagnosis = await walk(looks, { subject: "pod a" });
  const skipped = diagnosis.path.filter(({ status }) => status === "skipped");
  assertEquals(skipped.map(({ layer }) => layer), ["uplink", "vlan"]);
  assertEquals(isSound(diagnosis), true);
});
