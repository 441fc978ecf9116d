/**
 * `docs/admin.md` by a real run: each command in it is run on a real etcd with a small data centre,
 * and what it prints is written behind it.
 *
 * - A block of `yaml` whose first line is `# NAME.yaml` is written to that file.
 * - In a block of `console`, lines that begin with `$ ` are run, and the others are what they print.
 * - Every other block is left alone: what cannot be run here is shown there.
 *
 * @module
 */

import { main } from "../../admin/main.ts";
import { underPrefix } from "../../mod/etcd/store.ts";
import { parseAddress } from "../../mod/ip/address.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import { applyResource } from "../../mod/ipam/apply.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { PREFIXES } from "../../mod/ipam/keys.ts";
import { release } from "../../mod/ipam/release.ts";
import { reserve } from "../../mod/ipam/reserve.ts";
import { parseRange } from "../../mod/ip/range.ts";
import type { RoleIo } from "../../mod/role.ts";
import { network, physicalNetwork, zone } from "../documents.ts";
import { addRequest } from "../ipam_fixture.ts";
import { startAdmin } from "./admin_fixture.ts";
import { splitWords } from "./script.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A pod of the story. */
interface Story {
  readonly pod: string;
  readonly node: string;
  readonly zone: string;
  readonly network: string;
  readonly address: string;
  /** `StatefulSet.apps/db/pg/0` */
  readonly owner?: string;
  /** Milliseconds ago. */
  readonly since: number;
  readonly until?: number;
}

const STORIES: readonly Story[] = [
  {
    pod: "web/shop-7d4b9-x2x5p",
    node: "n1",
    zone: "zone1",
    network: "pods",
    address: "10.100.0.20",
    since: 40 * DAY,
    until: 12 * DAY,
  },
  {
    pod: "web/shop-5f6c8-k8q2m",
    node: "n1",
    zone: "zone1",
    network: "pods",
    address: "10.100.0.20",
    since: 11 * DAY,
  },
  {
    pod: "web/shop-5f6c8-zz7wd",
    node: "n2",
    zone: "zone1",
    network: "pods",
    address: "10.100.0.21",
    since: 11 * DAY,
  },
  {
    pod: "db/pg-0",
    node: "n2",
    zone: "zone1",
    network: "storage",
    address: "10.101.0.10",
    owner: "StatefulSet.apps/db/pg/0",
    since: 90 * DAY,
  },
  {
    pod: "db/pg-1",
    node: "n3",
    zone: "zone2",
    network: "storage",
    address: "10.101.0.11",
    owner: "StatefulSet.apps/db/pg/1",
    since: 90 * DAY,
    until: 2 * HOUR,
  },
  {
    pod: "batch/report-9hw2c",
    node: "n3",
    zone: "zone2",
    network: "storage",
    address: "10.101.0.30",
    since: 20 * 60_000,
    until: 5_000,
  },
];

/** As runtimes make them, and the same in every run. */
async function containerId(pod: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pod));
  return new Uint8Array(hash).toHex();
}

/** Applies the data centre, and lets its pods come and go in the past. */
async function populate(base: IpamContext): Promise<void> {
  const at = (ago: number): IpamContext => ({ ...base, now: () => Date.now() - ago });
  const old = at(400 * DAY);
  await applyResource(old, physicalNetwork("prod", { mtu: 9000 }));
  await applyResource(old, zone("zone1", ["prod"]));
  await applyResource(old, zone("zone2", ["prod"]));
  await applyResource(
    old,
    network({ name: "pods", labels: { tier: "front" } }, {
      vlan: 100,
      zones: ["zone1"],
      subnets: [{
        cidr: "10.100.0.0/24",
        gateway: "10.100.0.1",
        ranges: ["10.100.0.20-10.100.0.250"],
        exclude: ["10.100.0.99"],
      }],
    }),
  );
  await applyResource(
    at(200 * DAY),
    network({ name: "storage", labels: { tier: "back" } }, {
      vlan: 101,
      subnets: [{ cidr: "10.101.0.0/26", gateway: "10.101.0.1" }],
    }),
  );
  const range = parseRange("10.100.0.30-10.100.0.33");
  await reserve(at(30 * DAY), { network: "pods", range, reason: "load balancer" });
  const ends: (readonly [number, () => Promise<unknown>])[] = [];
  for (const story of STORIES.toSorted((a, b) => b.since - a.since)) {
    for (const [when, end] of ends.splice(0)) {
      if (when >= story.since) await end();
      else ends.push([when, end]);
    }
    const { pod, node, network, address, owner, since, until } = story;
    const [namespace = "", name = ""] = pod.split("/");
    const request = addRequest(await containerId(pod));
    const attachment = { ...request.attachment, node };
    const [kind = "", group = ""] = owner?.split("/")[0]?.split(".") ?? [];
    const [, ns = "", workload = "", slot = ""] = owner?.split("/") ?? [];
    const ref = { cluster: "local", group, kind, namespace: ns, name: workload, slot };
    await allocate(at(since), {
      ...request,
      attachment,
      zone: story.zone,
      networks: [network],
      addresses: [parseAddress(address)],
      pod: { namespace, name, uid: crypto.randomUUID() },
      ...(owner === undefined ? {} : { owner: { ...ref, ifname: "eth0" } }),
    });
    if (until === undefined) continue;
    // The network of the story rests its addresses for a moment only where they are used again.
    const cool = until < HOUR;
    ends.push([until, () => release(at(until), attachment, { endedBy: "del", cool })]);
  }
  for (const [, end] of ends) await end();
  // What the pods of long ago left would have gone by itself long ago.
  await base.store.txn({ success: [{ delete: underPrefix(PREFIXES.tombstones) }] });
}

/** Runs one line as a person would; what it prints. */
type Run = (line: string) => Promise<string>;

/** A pod comes and goes: what `-w` shows, in so many lines with the header and two pods before it. */
const WATCHED_LINES = 5;
async function comeAndGo(context: IpamContext): Promise<void> {
  const request = addRequest(await containerId("web/shop-5f6c8-p4hjn"));
  await allocate(context, {
    ...request,
    zone: "zone1",
    addresses: [parseAddress("10.100.0.22")],
    pod: { namespace: "web", name: "shop-5f6c8-p4hjn", uid: crypto.randomUUID() },
  });
  await release(context, request.attachment, { endedBy: "del" });
}

function runnerIn(dir: string, endpoint: string, context: IpamContext): Run {
  const variables: Readonly<Record<string, string>> = {
    FABRIC_CONFIG: `${dir}/config.yaml`,
    FABRIC_ETCD_ENDPOINTS: endpoint,
  };
  return async (line) => {
    let output = "";
    let stdin = "";
    let rest = line;
    let exit = 0;
    // A pipe between our own commands, or behind `cat`.
    for (const part of rest.split(" | ")) {
      const words = splitWords(part).map((word) => word.replace(/^~?\/?(?=site\/)/, ""));
      const [program = "", ...args] = words;
      let stdout = "";
      if (program === "cat") stdout = await Deno.readTextFile(`${dir}/${args[0] ?? ""}`);
      else if (program === "fabric-admin") {
        const given = stdin;
        const watches = args.includes("-w");
        let changes: Promise<void> | undefined;
        const io: RoleIo = {
          env: (name) => variables[name],
          readStdin: () => Promise.resolve(given),
          writeStdout: (text) => {
            stdout += text;
            if (watches) changes ??= comeAndGo(context);
          },
          writeStderr: (text) => void (output += text),
          stdoutIsClosed: () => watches && stdout.split("\n").length > WATCHED_LINES,
        };
        const paths = args.map((arg) => /\.(yaml|json|csv|gz)$/.test(arg) ? `${dir}/${arg}` : arg);
        exit = await main(paths, io);
        await changes;
      } else throw new Error(`the page runs ${program}, which this script cannot`);
      stdin = stdout;
    }
    rest = `${stdin}${output}`.replaceAll(`${dir}/`, "");
    if (rest !== "" && !rest.endsWith("\n")) rest += "\n";
    return exit === 0 ? rest : `${rest}(exit status ${exit})\n`;
  };
}

async function runBlock(block: string, run: Run): Promise<string> {
  let text = "";
  for (const line of block.split("\n").filter((candidate) => candidate.startsWith("$ "))) {
    text += `${text === "" ? "" : "\n"}${line}\n${await run(line.slice(2))}`;
  }
  return text;
}

/** The page with every console block as a run of now makes it. */
export async function makePage(page: string): Promise<string> {
  await using admin = await startAdmin();
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/config.yaml`, "cluster: local\nnode: n1\n");
    await populate(admin.context);
    const run = runnerIn(dir, admin.etcd.endpoints[0] ?? "", admin.context);
    const parts = page.split(/^(```\w+\n[^]*?^```\n)/m);
    let made = "";
    for (const part of parts) {
      const [, language, body = ""] = /^```(\w+)\n([^]*?)^```\n$/m.exec(part) ?? [];
      const file = language === "yaml" ? /^# (\S+\.yaml)\n/.exec(body)?.[1] : undefined;
      if (file !== undefined) await Deno.writeTextFile(`${dir}/${file}`, body);
      const fresh = language === "console"
        ? `\`\`\`console\n${await runBlock(body, run)}\`\`\`\n`
        : part;
      // What only the time made different stays as it is.
      made += masked(fresh) === masked(part) ? part : fresh;
    }
    return made.replaceAll(admin.etcd.endpoints[0] ?? "", "http://127.0.0.1:2379");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** The page without what differs from run to run: ages, times, ids, and the widths of columns. */
export function masked(page: string): string {
  return page
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>")
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "<uid>")
    .replace(/\b01[0-9A-HJKMNP-TV-Z]{24}\b/g, "<id>")
    .replace(/\b(\d+[smhdy]){1,2}(?![\w-])/g, "<age>")
    .replace(/(resourceVersion"?: )"\d+"/g, "$1<rev>")
    .replace(/revision \d+/g, "revision <rev>")
    .replace(/SHA-256 [0-9a-f]{64}/g, "SHA-256 <sha>")
    .replace(/ {2,}/g, "  ")
    .replace(/ +$/gm, "");
}
