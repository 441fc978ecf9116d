/**
 * Parts about the store and what does not fit: a summary, the objects of administrators, this node's
 * attachments, findings and a diagnosis. Neither addresses of others nor the history.
 *
 * @module
 */

import { stringify } from "yaml";
import { drawPath, type Paint, verdictText } from "../../mod/diagnose/draw.ts";
import type { Diagnosis } from "../../mod/diagnose/layer.ts";
import { walkNode } from "../../mod/diagnose/walk_node.ts";
import type { Store } from "../../mod/etcd/store.ts";
import { underPrefix } from "../../mod/etcd/store.ts";
import { META_ERA, META_SCHEMA, nodeAttachmentPrefix, PREFIXES } from "../../mod/ipam/keys.ts";
import { listResources } from "../../mod/ipam/kinds.ts";
import { networkUsage } from "../../mod/ipam/usage.ts";
import { WRITTEN_KINDS } from "../../mod/model/kinds.ts";
import { CHECKED_SOURCES, runCheckers } from "../checkers.ts";
import { countText, findingText } from "../finding_text.ts";
import type { Part, Sources } from "./part.ts";

/** Objects of one kind. */
const MAX_OBJECTS = 2_000;
/** Networks whose usage is counted. */
const MAX_NETWORKS = 200;

/** All of them. */
export function storeParts(sources: Sources): readonly Part[] {
  const { context, config, scene } = sources;
  if (config === undefined || scene === undefined) return [];
  return [
    {
      name: "store/summary.json",
      about: "version and size of etcd, and how many keys there are of what",
      text: async () => await summary(await context.store()),
    },
    {
      name: "store/objects.yaml",
      about: "physical networks, zones, nodes and networks",
      text: async () => await objects(await context.store()),
    },
    {
      name: "store/usage.txt",
      about: "how full the networks are",
      text: async () => await usage(await context.store()),
    },
    {
      name: "store/attachments.txt",
      about: "the attachments of this node",
      text: async () => {
        const store = await context.store();
        const range = underPrefix(nodeAttachmentPrefix(config.cluster, config.node));
        const { kvs } = await store.range({ ...range, limit: MAX_OBJECTS });
        return kvs.map(({ key, modRevision, value }) => `${key} ${modRevision} ${value}\n`).join(
          "",
        );
      },
    },
    {
      name: "findings.txt",
      about: "fabric-admin check",
      limitMs: 90_000,
      text: async () => {
        const onProgress = (): void => {};
        const checked = await runCheckers(context, {
          sources: CHECKED_SOURCES,
          asked: false,
          onProgress,
        });
        const { findings, looked } = checked;
        const texts = findings.map((finding) => `${findingText(finding, { colour: false })}\n`);
        return `${texts.join("")}${countText(findings)} (${looked})\n`;
      },
    },
    {
      name: "diagnosis.txt",
      about: "fabric-admin diagnose node",
      limitMs: 40_000,
      text: async () => {
        const { bridges, networks, pods, looked } = await walkNode(scene, config.node, {
          limitMs: 15_000,
        });
        const ways = [...bridges, ...networks, ...pods].map(wayText);
        return `${ways.join("\n")}\n${looked} interfaces of pods, ${pods.length} broken\n`;
      },
    },
  ];
}

const plain: Paint = (text) => text;

function wayText(one: Diagnosis): string {
  const target = one.target === undefined ? "" : ` to ${one.target}`;
  return `${one.subject}${target}\n${drawPath(one, plain)}\n${verdictText(one, plain)}`;
}

async function summary(store: Store): Promise<string> {
  const status = await store.status();
  const prefixes = Object.entries(PREFIXES);
  const { results } = await store.txn({
    success: [
      ...[META_SCHEMA, META_ERA].map((key) => ({ range: { key } })),
      ...prefixes.map(([, prefix]) => ({ range: { ...underPrefix(prefix), countOnly: true } })),
    ],
  });
  const [schema, era, ...counted] = results.map((result) =>
    result.kind === "range" ? result.response : undefined
  );
  const counts = prefixes.map(([name], i) => [name, counted[i]?.count ?? 0]);
  const report = {
    ...status,
    schema: schema?.kvs[0]?.value,
    era: era?.kvs[0]?.value,
    keys: Object.fromEntries(counts),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

async function objects(store: Store): Promise<string> {
  const texts: string[] = [];
  for (const kind of WRITTEN_KINDS) {
    let count = 0;
    for await (const object of listResources(store, kind)) {
      if (++count > MAX_OBJECTS) break;
      texts.push(stringify(object));
    }
    if (count > MAX_OBJECTS) texts.push(`# more of kind ${kind} are left out\n`);
  }
  return texts.join("---\n");
}

async function usage(store: Store): Promise<string> {
  const lines: string[] = [];
  let networks = 0;
  for await (const network of listResources(store, "Network")) {
    if (++networks > MAX_NETWORKS) {
      lines.push("further networks are left out");
      break;
    }
    for (const one of await networkUsage(store, network)) {
      const { subnet, capacity, used, reserved, cooling } = one;
      lines.push(
        `${network.metadata.name} ${subnet}: capacity ${capacity}, used ${used}, ` +
          `reserved ${reserved}, cooling ${cooling}`,
      );
    }
  }
  return lines.map((line) => `${line}\n`).join("");
}
