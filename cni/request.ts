/**
 * A call of the plugin as plain data: environment and standard input in, request out. Nothing is
 * asked of the process, so a test needs none.
 *
 * @module
 */

import * as v from "valibot";
import { FabricError } from "../mod/error.ts";
import type { Pod } from "../mod/model/identity.ts";
import { asObject, pick } from "./any_case.ts";
import { type CniArgs, parseCniArgs } from "./cni_args.ts";
import { type Conf, confFault, parseConf } from "./conf.ts";
import { type CniEnvironment, type Environment, readEnvironment } from "./environment.ts";
import { type CniResult, parseResult } from "./result.ts";
import { atLeast, type SpecVersion } from "./spec_version.ts";
import { type Bandwidth, parseWanted, type Wanted } from "./wanted.ts";

/** The sandbox's interface that a call is about. */
export interface Sandbox {
  readonly containerId: string;
  readonly ifname: string;
  /** Path of the network namespace; empty in a DEL after the sandbox is gone. */
  readonly netns: string;
}

export interface AddRequest {
  readonly verb: "ADD";
  readonly conf: Conf;
  readonly sandbox: Sandbox;
  readonly pod: Pod | undefined;
  readonly wanted: Wanted;
  /** Of the plugins before us in a chain. */
  readonly previous: CniResult | undefined;
}

export interface CheckRequest {
  readonly verb: "CHECK";
  readonly conf: Conf;
  readonly sandbox: Sandbox;
  /** What the ADD answered (with later plugins of the chain). */
  readonly previous: CniResult;
  /** The limits that the runtime asks for. */
  readonly bandwidth: Bandwidth;
}

export interface DelRequest {
  readonly verb: "DEL";
  readonly conf: Conf;
  readonly sandbox: Sandbox;
}

/** One interface of one sandbox, as GC names them. */
export interface ValidAttachment {
  readonly containerId: string;
  readonly ifname: string;
}

export interface GcRequest {
  readonly verb: "GC";
  readonly conf: Conf;
  /** What still exists; all else may go. */
  readonly valid: readonly ValidAttachment[];
}

export interface StatusRequest {
  readonly verb: "STATUS";
  readonly conf: Conf;
}

export interface VersionRequest {
  readonly verb: "VERSION";
  /** What the runtime says it speaks. */
  readonly cniVersion: string | undefined;
}

export type CniRequest =
  | AddRequest
  | CheckRequest
  | DelRequest
  | GcRequest
  | StatusRequest
  | VersionRequest;

/** The version from which on a verb exists; ADD and DEL always did. */
const SINCE: Partial<Readonly<Record<CniRequest["verb"], SpecVersion>>> = {
  CHECK: "0.4.0",
  GC: "1.1.0",
  STATUS: "1.1.0",
};

/**
 * Parses a call. What only an ADD uses is read for an ADD only, so that a DEL never fails on it.
 *
 * @throws {FabricError} `invalid`, `incompatible`; see `error_code.ts` for their codes.
 */
export function parseRequest(env: Environment, stdin: string): CniRequest {
  const environment = readEnvironment(env);
  const { verb } = environment;
  if (verb === "VERSION") return { verb, cniVersion: versionIn(stdin) };
  const conf = parseConf(stdin);
  const since = SINCE[verb];
  if (since !== undefined && !atLeast(conf.cniVersion, since)) {
    throw new FabricError("incompatible", `${verb} does not exist in CNI ${conf.cniVersion}`, {
      field: "cniVersion",
      value: conf.cniVersion,
      remedy: `set cniVersion to ${since} or newer`,
    });
  }
  switch (verb) {
    case "ADD":
      return parseAdd(conf, environment);
    case "DEL":
      return { verb, conf, sandbox: sandboxOf(environment) };
    case "CHECK":
      return parseCheck(conf, environment);
    case "GC":
      return { verb, conf, valid: validAttachments(conf) };
    case "STATUS":
      return { verb, conf };
  }
}

function parseAdd(conf: Conf, environment: CniEnvironment): AddRequest {
  const args: CniArgs = parseCniArgs(environment.args);
  const { prevResult } = conf.raw;
  return {
    verb: "ADD",
    conf,
    sandbox: sandboxOf(environment),
    pod: args.pod,
    wanted: parseWanted(conf, args),
    previous: prevResult === undefined || prevResult === null ? undefined : parseResult(prevResult),
  };
}

function parseCheck(conf: Conf, environment: CniEnvironment): CheckRequest {
  const { bandwidth } = parseWanted(conf, parseCniArgs(""));
  return {
    verb: "CHECK",
    conf,
    sandbox: sandboxOf(environment),
    previous: requirePrevious(conf),
    bandwidth,
  };
}

function sandboxOf({ containerId, ifname, netns }: CniEnvironment): Sandbox {
  return { containerId, ifname, netns };
}

function requirePrevious(conf: Conf): CniResult {
  const { prevResult } = conf.raw;
  if (prevResult === undefined || prevResult === null) {
    throw confFault("prevResult", {
      why: "it is missing",
      remedy: "the runtime must hand the result of the ADD to CHECK",
    });
  }
  return parseResult(prevResult);
}

const KEY = "cni.dev/valid-attachments";
/** Before 1.1.0 was released, and in libcni still beside the other. */
const OLD_KEY = "cni.dev/attachments";

const AttachmentsSchema = v.array(v.looseObject({ containerID: v.string(), ifname: v.string() }));

/**
 * What GC may not touch. Without the key nobody said what is valid, and everything would go: so
 * that is an error. libcni writes an empty list as null.
 */
function validAttachments({ raw }: Conf): readonly ValidAttachment[] {
  const key = [KEY, OLD_KEY].find((name) => Object.hasOwn(raw, name));
  if (key === undefined) {
    const remedy = "the runtime must say which attachments are still valid";
    throw confFault(KEY, { why: "it is missing", remedy });
  }
  const parsed = v.safeParse(AttachmentsSchema, raw[key] ?? []);
  if (!parsed.success) {
    throw confFault(key, { why: "it is no list of objects with containerID and ifname" });
  }
  return parsed.output.map(({ containerID, ifname }) => ({ containerId: containerID, ifname }));
}

/** VERSION has to answer whatever it is given. */
function versionIn(stdin: string): string | undefined {
  try {
    const version = pick(asObject(JSON.parse(stdin)), "cniVersion");
    return typeof version === "string" && version !== "" ? version : undefined;
  } catch {
    return undefined;
  }
}
