/**
 * `create`: an object that does not exist yet, from flags or from documents.
 *
 * @module
 */

import { createResource } from "../mod/ipam/change.ts";
import { WRITTEN_KINDS, type WrittenKind } from "../mod/model/kinds.ts";
import { API_VERSION } from "../mod/model/resource.ts";
import { readHead } from "../mod/model/validate.ts";
import { writeAll } from "./apply.ts";
import { DRY_RUN_FLAG, isDryRun } from "./batch.ts";
import type { Call, Command } from "./command.ts";
import type { AdminContext } from "./context.ts";
import { FILE_FLAG } from "./documents.ts";
import { usageError } from "./exit.ts";
import type { Flag, FlagValues } from "./flags.ts";
import { findKind } from "./kinds.ts";
import { OUTCOME_FLAG, tellOutcome } from "./outcome.ts";
import { subnetOf } from "./subnet_flag.ts";
import { checkWritten } from "./targets.ts";

/** How a flag becomes a field of a kind's spec. */
interface FieldRule {
  readonly kind: WrittenKind;
  readonly field: string;
  readonly required?: true;
  readonly value: (flags: FlagValues, name: string) => unknown;
}

/** A flag of `create`, and the fields that it sets. */
interface FieldFlag extends Flag {
  readonly rules: readonly FieldRule[];
}

const asText = (flags: FlagValues, name: string): unknown => flags.text(name);
const asNumber = (flags: FlagValues, name: string): unknown =>
  flags.number(name, { min: 0, max: 1_000_000_000 });
const asList = (flags: FlagValues, name: string): unknown =>
  flags.texts(name).flatMap((text) => text.split(","));

const FIELD_FLAGS: readonly FieldFlag[] = [
  {
    name: "physical-network",
    value: "NAME",
    repeat: true,
    text: "Of a network; all of a zone",
    rules: [
      { kind: "Network", field: "physicalNetwork", required: true, value: asText },
      { kind: "Zone", field: "physicalNetworks", required: true, value: asList },
    ],
  },
  {
    name: "vlan",
    value: "ID",
    text: "Of a network: 1 to 4094; 0: untagged",
    rules: [{ kind: "Network", field: "vlan", required: true, value: asNumber }],
  },
  {
    name: "subnet",
    value: "SUBNET",
    repeat: true,
    text: "CIDR[,gateway=IP][,range=A-B][,exclude=A-B], again for more",
    rules: [{
      kind: "Network",
      field: "subnets",
      required: true,
      value: (flags, name) => flags.texts(name).map(subnetOf),
    }],
  },
  {
    name: "mtu",
    value: "OCTETS",
    text: "Of a network or a physical network",
    rules: [
      { kind: "Network", field: "mtu", value: asNumber },
      { kind: "PhysicalNetwork", field: "mtu", value: asNumber },
    ],
  },
  {
    name: "zone",
    value: "NAME",
    repeat: true,
    text: "Of a node; those that a network reaches",
    rules: [
      { kind: "Network", field: "zones", value: asList },
      { kind: "Node", field: "zone", required: true, value: asText },
    ],
  },
  {
    name: "cluster",
    value: "NAME",
    text: "Of a node; default: local",
    rules: [{
      kind: "Node",
      field: "cluster",
      required: true,
      value: (flags, name) => flags.text(name) ?? "local",
    }],
  },
  {
    name: "cooling-seconds",
    value: "SECONDS",
    text: "Rest of released addresses of a network",
    rules: [{ kind: "Network", field: "coolingSeconds", value: asNumber }],
  },
  {
    name: "description",
    value: "TEXT",
    text: "What it is, for people",
    rules: WRITTEN_KINDS.map((kind) => ({ kind, field: "description", value: asText })),
  },
];

const LABELS_FLAG: Flag = {
  name: "labels",
  value: "LABELS",
  text: "Labels, as app=web,tier=front",
};

function labelsOf(flags: FlagValues): Readonly<Record<string, string>> | undefined {
  const text = flags.text(LABELS_FLAG.name);
  if (text === undefined) return undefined;
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const equals = pair.indexOf("=");
      if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)];
      throw usageError(`Cannot parse label "${pair}"`, {
        field: "--labels",
        value: pair,
        remedy: "write key=value, joined by commas",
      });
    }),
  );
}

/** The document that the flags describe. */
function documentOf(kind: WrittenKind, name: string, flags: FlagValues): unknown {
  const spec = new Map<string, unknown>();
  for (const flag of FIELD_FLAGS) {
    const rule = flag.rules.find((candidate) => candidate.kind === kind);
    if (rule === undefined) {
      if (!flags.isSet(flag.name)) continue;
      const kinds = flag.rules.map((other) => other.kind.toLowerCase()).join(", ");
      throw usageError(`Flag --${flag.name} means nothing for a ${kind}`, {
        field: `--${flag.name}`,
        remedy: `use it with ${kinds}`,
      });
    }
    const value = rule.value(flags, flag.name);
    const isMissing = value === undefined || (Array.isArray(value) && value.length === 0);
    if (!isMissing) spec.set(rule.field, value);
    else if (rule.required === true) {
      throw usageError(`A ${kind} needs --${flag.name}`, {
        field: `--${flag.name}`,
        remedy: `add --${flag.name} ${flag.value}: ${flag.text}`,
      });
    }
  }
  const labels = labelsOf(flags);
  const metadata = { name, ...labels === undefined ? {} : { labels } };
  return { apiVersion: API_VERSION, kind, metadata, spec: Object.fromEntries(spec) };
}

async function run(context: AdminContext, call: Call): Promise<void> {
  const { args, flags } = call;
  const fields = [...FIELD_FLAGS, LABELS_FLAG];
  if (flags.isSet(FILE_FLAG.name)) {
    const extra = fields.find(({ name }) => flags.isSet(name));
    if (args.length > 0 || extra !== undefined) {
      throw usageError(`${extra === undefined ? args[0] : `--${extra.name}`} and -f do not mix`, {
        remedy: "create from flags, or from documents",
      });
    }
    return await writeAll(context, call, { verb: "create", write: createResource });
  }
  const [word, name, ...more] = args;
  if (word === undefined || name === undefined || more.length > 0) {
    throw usageError("Say what to create: KIND NAME with flags, or -f FILE", {
      remedy: "see create --help",
    });
  }
  const row = findKind(word);
  checkWritten(row, { verb: "created" });
  const kind = WRITTEN_KINDS.find((candidate) => candidate === row.kind);
  if (kind === undefined) throw new TypeError(`${row.kind} is not written`);
  const document = documentOf(kind, name, flags);
  const dryRun = isDryRun(flags);
  const applied = await createResource(await context.ipam(), document, { dryRun });
  tellOutcome(context, flags, { ref: readHead(document), applied });
}

/** `create`. */
export const CREATE: Command = {
  name: "create",
  summary: "Create an object that does not exist yet",
  args: "KIND NAME [FLAGS] | -f FILE|DIR|-",
  count: { min: 0, max: Infinity },
  group: "change",
  completes: "kind",
  flags: [...FIELD_FLAGS, LABELS_FLAG, FILE_FLAG, DRY_RUN_FLAG, OUTCOME_FLAG],
  examples: [
    [
      "create network pods --physical-network prod --vlan 100 --subnet 10.0.0.0/24,gateway=10.0.0.1",
      "a network",
    ],
    ["create zone z1 --physical-network prod,dmz --dry-run -o yaml", "its document"],
  ],
  run,
};
