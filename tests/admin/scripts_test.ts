import { fail } from "@std/assert";
import { main } from "../../admin/main.ts";
import { parseAddress } from "../../mod/ip/address.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import type { AllocateRequest } from "../../mod/ipam/allocation.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { release } from "../../mod/ipam/release.ts";
import type { RoleIo } from "../../mod/role.ts";
import { addRequest } from "../ipam_fixture.ts";
import { startAdmin } from "./admin_fixture.ts";
import { difference, parseScript, type Step } from "./script.ts";

const SCRIPTS = new URL("./scripts/", import.meta.url);

interface Bench {
  readonly dir: string;
  readonly endpoint: string;
  readonly context: IpamContext;
  /** Files that an editor was opened with: what is given up stays. */
  readonly edited: Set<string>;
}

function inDir(text: string, { dir, endpoint }: Bench): string {
  return text.replaceAll("$DIR", dir).replaceAll("$ETCD", endpoint);
}

/** Runs the command line in this process, with streams and environment of its own. */
async function runCommand(step: Step, bench: Bench): Promise<string | undefined> {
  let stdout = "";
  let stderr = "";
  const variables: Readonly<Record<string, string>> = {
    FABRIC_CONFIG: `${bench.dir}/config.yaml`,
    FABRIC_ETCD_ENDPOINTS: bench.endpoint,
  };
  const answers = [...step.answers];
  const ask = (question: string): string => {
    stderr += `${question}\n`;
    return answers.shift() ?? "";
  };
  const edits = [...step.edits];
  const edit = async (path: string): Promise<boolean> => {
    const [, from = "", to = ""] = /^s\/(.*)\/(.*)\/$/.exec(edits[0] ?? "") ?? [];
    const change = edits.shift();
    bench.edited.add(path);
    const text = await Deno.readTextFile(path);
    const lines = from === ""
      ? text
      : text.replace(new RegExp(from, "m"), to.replaceAll("\\n", "\n"));
    // A person who has nothing more to say saves the text as it is.
    await Deno.writeTextFile(path, change === "empty" ? "" : lines);
    return change !== "fail";
  };
  const io: RoleIo = {
    ...(answers.length === 0 ? {} : { ask }),
    ...(edits.length === 0 ? {} : { edit }),
    env: (name) => variables[name],
    readStdin: () => Promise.resolve(step.stdin.map((line) => `${line}\n`).join("")),
    writeStdout: (text) => void (stdout += text),
    writeStderr: (text) => void (stderr += text),
  };
  const exit = await main(step.words.map((word) => inDir(word, bench)), io);
  const outward = (text: string): string =>
    text.replaceAll(bench.dir, "$DIR").replaceAll(bench.endpoint, "$ETCD");
  const wrong = [
    difference("stdout", outward(stdout), step.stdout),
    difference("stderr", outward(stderr), step.stderr),
    exit === step.exit ? undefined : `exit status is ${exit} and should be ${step.exit}`,
  ].filter((text) => text !== undefined);
  return wrong.length === 0 ? undefined : wrong.join("  ");
}

/** `c1 pod=web/shop owner=StatefulSet.apps/db/pg/0 network=pods ip=10.0.0.5 cluster=a node=n2 zone=z2`. */
function addOptions(words: readonly string[]): AllocateRequest {
  const [containerId = "", ...pairs] = words;
  const given = new Map(pairs.map((pair) => {
    const [name = "", value = ""] = pair.split("=");
    return [name, value] as const;
  }));
  const base = addRequest(containerId);
  const cluster = given.get("cluster") ?? "local";
  const attachment = { ...base.attachment, cluster, node: given.get("node") ?? "n1" };
  const pod = given.get("pod")?.split("/");
  const owner = given.get("owner")?.split("/");
  const [kind = "", group = ""] = owner?.[0]?.split(".") ?? [];
  return {
    ...base,
    attachment,
    networks: [given.get("network") ?? "pods"],
    ...(given.has("zone") ? { zone: given.get("zone") ?? "" } : {}),
    ...(given.has("ip") ? { addresses: [parseAddress(given.get("ip") ?? "")] } : {}),
    ...(pod === undefined
      ? {}
      : { pod: { namespace: pod[0] ?? "", name: pod[1] ?? "", uid: `uid-of-${containerId}` } }),
    ...(owner === undefined ? {} : {
      owner: {
        cluster,
        group,
        kind,
        namespace: owner[1] ?? "",
        name: owner[2] ?? "",
        slot: owner[3] ?? "0",
        ifname: "eth0",
      },
    }),
  };
}

async function runStep(step: Step, bench: Bench): Promise<string | undefined> {
  const [name = ""] = step.words;
  const text = inDir(step.content.map((line) => `${line}\n`).join(""), bench);
  switch (step.action) {
    case "file":
      await Deno.mkdir(`${bench.dir}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.writeTextFile(`${bench.dir}/${name}`, text);
      return undefined;
    case "config":
      await Deno.writeTextFile(`${bench.dir}/config.yaml`, text);
      return undefined;
    case "add":
      await allocate(bench.context, addOptions(step.words));
      return undefined;
    case "put":
    case "cut": {
      const change = step.action === "cut"
        ? { delete: { key: name } }
        : { put: name, value: step.words[1] ?? "" };
      await bench.context.store.txn({ success: [change] });
      return undefined;
    }
    case "del":
      await release(bench.context, addOptions(step.words).attachment, { endedBy: "del" });
      return undefined;
    default:
      return await runCommand(step, bench);
  }
}

for (const entry of [...Deno.readDirSync(SCRIPTS)].sort((a, b) => a.name < b.name ? -1 : 1)) {
  if (!entry.name.endsWith(".script")) continue;
  Deno.test(`fabric-admin does what tests/admin/scripts/${entry.name} says`, async () => {
    const path = new URL(entry.name, SCRIPTS);
    const steps = parseScript(await Deno.readTextFile(path));
    await using ipam = await startAdmin();
    const dir = await Deno.makeTempDir();
    const edited = new Set<string>();
    try {
      await Deno.writeTextFile(`${dir}/config.yaml`, "cluster: local\n");
      const bench = { dir, edited, endpoint: ipam.etcd.endpoints[0] ?? "", context: ipam.context };
      for (const step of steps) {
        const wrong = await runStep(step, bench);
        if (wrong === undefined) continue;
        fail(`${entry.name}:${step.line}: ${step.action} ${step.words.join(" ")}\n  ${wrong}`);
      }
    } finally {
      await Deno.remove(dir, { recursive: true });
      for (const path of edited) await Deno.remove(path).catch(() => {});
    }
  });
}
