/**
 * The environment of a CNI call: which variables a verb requires, and what they may hold (CNI
 * specification, section 2, Parameters and CNI operations).
 *
 * @module
 */

import { FabricError } from "../mod/error.ts";

export const VERBS = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"] as const;
export type Verb = typeof VERBS[number];

/** The variables of the specification. */
export type CniVariable =
  | "CNI_COMMAND"
  | "CNI_CONTAINERID"
  | "CNI_NETNS"
  | "CNI_IFNAME"
  | "CNI_ARGS"
  | "CNI_PATH";

/** A variable of the environment; undefined when it is not set. */
export type Environment = (name: CniVariable) => string | undefined;

const REQUIRED: Readonly<Record<Verb, readonly CniVariable[]>> = {
  ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
  CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
  GC: ["CNI_PATH"],
  STATUS: [],
  VERSION: [],
};

/** The variables, checked. Empty text where a verb does not require one. */
export interface CniEnvironment {
  readonly verb: Verb;
  readonly containerId: string;
  readonly ifname: string;
  readonly netns: string;
  readonly args: string;
}

/**
 * Reads and checks the variables of the verb.
 *
 * @throws {FabricError} `invalid` whose field is the variable; all that are missing in one error.
 */
export function readEnvironment(env: Environment): CniEnvironment {
  const command = env("CNI_COMMAND") ?? "";
  const verb = VERBS.find((known) => known === command);
  if (verb === undefined) {
    throw variableFault("CNI_COMMAND", {
      value: command,
      why: command === "" ? "it is not set" : "it is no command of CNI",
      remedy: `set it to one of ${VERBS.join(", ")}`,
    });
  }
  const missing = REQUIRED[verb].filter((name) => (env(name) ?? "") === "");
  if (missing.length > 0) {
    throw new FabricError("invalid", `${verb} needs ${missing.join(", ")} in the environment`, {
      field: missing.join(","),
      remedy: "the runtime must set them",
    });
  }
  const read = {
    verb,
    containerId: env("CNI_CONTAINERID") ?? "",
    ifname: env("CNI_IFNAME") ?? "",
    netns: env("CNI_NETNS") ?? "",
    args: env("CNI_ARGS") ?? "",
  };
  if (verb === "ADD" || verb === "DEL" || verb === "CHECK") checkAttachment(read);
  return read;
}

function checkAttachment({ containerId, ifname }: CniEnvironment): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(containerId)) {
    throw variableFault("CNI_CONTAINERID", {
      value: containerId,
      why: "it must begin with a letter or digit, and hold only these and _ . -",
      remedy: "the runtime must give another id",
    });
  }
  const why = ifnameProblem(ifname);
  if (why !== undefined) {
    throw variableFault("CNI_IFNAME", { value: ifname, why, remedy: "name it like eth0" });
  }
}

/** What the specification (and Linux) forbids in the name of an interface. */
function ifnameProblem(name: string): string | undefined {
  if (new TextEncoder().encode(name).length > 15) return "it is longer than 15 bytes";
  if (name === "." || name === "..") return "it is the name of a folder";
  if (/[/:]/.test(name)) return "it holds / or :";
  if (/\s/.test(name)) return "it holds white space";
  return undefined;
}

function variableFault(
  name: CniVariable,
  fault: { readonly value: string; readonly why: string; readonly remedy: string },
): FabricError {
  return new FabricError("invalid", `Cannot use ${name} "${fault.value}": ${fault.why}`, {
    field: name,
    value: fault.value,
    remedy: fault.remedy,
  });
}
