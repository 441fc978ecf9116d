/**
 * Walks the table: every client asks every way, by one process each.
 *
 * @module
 */

import { requireOk } from "../lab/mod.ts";
import { cellKey, type Cells, type Client, CLIENTS, type Way, WAYS } from "./service_table.ts";
import type { ServiceWorld } from "./service_world.ts";

const PROBER = new URL("service_prober.ts", import.meta.url).pathname;

/** All that has to hold for a way, in each family. */
const KINDS = ["tcp", "udp", "bulk", "frag", "icmp"] as const;
const FAMILIES = [4, 6] as const;

/** Which cells to ask. */
type Choice = (way: Way, client: Client) => boolean;

/** How long a probe may take, in the rounds of a walk. */
const ROUNDS_MS = [3000, 6000, 12_000];

/**
 * Asks all, and asks again what is not as expected: on a loaded machine a probe may take longer than
 * it is given. What was seen by cell.
 */
export async function walkUntil(world: ServiceWorld, expected: Cells): Promise<Cells> {
  const cells = new Map<string, string>();
  for (const probeMs of ROUNDS_MS) {
    const isDifferent: Choice = (way, client) => {
      const key = cellKey(way, client);
      return expected.has(key) && cells.get(key) !== expected.get(key);
    };
    for (const [key, word] of await walk(world, { isAsked: isDifferent, probeMs })) {
      cells.set(key, word);
    }
  }
  return cells;
}

/** Asks; what was seen by cell. */
async function walk(
  world: ServiceWorld,
  { isAsked, probeMs }: { readonly isAsked: Choice; readonly probeMs: number },
): Promise<Cells> {
  const byClient = await Promise.all(CLIENTS.map(async (client) => {
    const ways = WAYS.filter((way) => isAsked(way, client));
    return ways.length === 0 ? [] : await askAll(world, client, { ways, probeMs });
  }));
  return new Map(byClient.flat());
}

async function askAll(
  world: ServiceWorld,
  client: Client,
  { ways, probeMs }: { readonly ways: readonly Way[]; readonly probeMs: number },
): Promise<readonly (readonly [string, string])[]> {
  const { place } = world.clients[client];
  const probes = ways.flatMap((way) => {
    const { host, port, closed } = world.targets[way];
    return FAMILIES.flatMap((family) =>
      KINDS.map((kind) => {
        const to = typeof host === "string" ? host : host[family];
        return `${way}/${kind}${family} ${kind}${family} ${to} ${kind === "icmp" ? closed : port}`;
      })
    );
  });
  const argv = [Deno.execPath(), "run", "-A", "--no-config", "--no-lock", PROBER, `${probeMs}`];
  const answered = requireOk(
    await place.exec(argv, { input: probes.join("\n"), timeoutMs: 120_000 }),
  );
  const answers = new Map(
    answered.trim().split("\n").map((line): [string, string] => {
      const [id = "", answer = ""] = line.split(" ");
      return [id, answer];
    }),
  );
  return ways.map((way) => [cellKey(way, client), summarize(world, client, way, answers)] as const);
}

/** One word where all kinds and families agree, else one for each family, else what each kind has. */
function summarize(
  world: ServiceWorld,
  client: Client,
  way: Way,
  answers: ReadonlyMap<string, string>,
): string {
  const words = FAMILIES.map((family) => {
    const word = (kind: typeof KINDS[number]) => {
      const answer = answers.get(`${way}/${kind}${family}`) ?? "none";
      const isSource = (kind === "tcp" || kind === "udp") && answer !== "none";
      return isSource ? nameOf(world, client, answer) : answer;
    };
    const [source, ...others] = KINDS.map(word);
    const [second, ...rest] = others;
    if (source === "none" && others.every((it) => it === "none")) return "-";
    if (source === second && rest.every((it) => it !== "none")) return source ?? "-";
    return KINDS.map((kind) => `${kind} ${word(kind)}`).join(", ");
  });
  const [four = "", six = ""] = words;
  return four === six ? four : `IPv4 ${four}; IPv6 ${six}`;
}

/** `=` for the client's own address, a client's name for another's, else the address. */
function nameOf({ clients }: ServiceWorld, client: Client, address: string): string {
  const has = (name: Client) => Object.values(clients[name].addresses).includes(address);
  if (has(client)) return "=";
  return CLIENTS.find(has) ?? address;
}
