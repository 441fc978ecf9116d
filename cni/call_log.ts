/**
 * What the log line of a call says. Never a secret: neither the configuration nor the environment
 * goes into it.
 *
 * @module
 */

import { BUILD } from "fabric/build";
import type { FabricError } from "../mod/error.ts";
import type { LogProperties } from "../mod/log.ts";
import type { AttachmentRecord } from "../mod/model/records.ts";
import { cniCode } from "./error_code.ts";
import type { CniRequest } from "./request.ts";
import type { Steps } from "./steps.ts";

/** The call: who, and how long each step took. */
export function callFacts(request: CniRequest | undefined, steps: Steps): LogProperties {
  return {
    ...requestFacts(request),
    ms: steps.elapsed(),
    steps: Object.fromEntries(
      Object.entries(steps.spans()).map(([step, [from, to]]) => [
        step,
        { at: from, ms: Math.round((to - from) * 10) / 10 },
      ]),
    ),
    version: BUILD.version,
  };
}

function requestFacts(request: CniRequest | undefined): LogProperties {
  if (request === undefined || request.verb === "VERSION") return {};
  const conf = request.conf.name;
  if (!("sandbox" in request)) return { conf };
  const { containerId, ifname, netns } = request.sandbox;
  const pod = request.verb === "ADD" && request.pod !== undefined
    ? { pod: `${request.pod.namespace}/${request.pod.name}` }
    : {};
  return { conf, container: containerId, ifname, netns, ...pod };
}

/** What the attachment has, or had. */
export function recordFacts(record: AttachmentRecord | undefined): LogProperties {
  if (record === undefined) return {};
  return {
    network: record.network.name,
    addresses: record.addresses.map(({ address }) => address),
    mac: record.mac,
  };
}

/** What went wrong. */
export function failureFacts(error: FabricError): LogProperties {
  const { command, stderr, endpoint } = error.details;
  return {
    error: error.message,
    kind: error.kind,
    code: cniCode(error),
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    ...(command === undefined ? {} : { command }),
    ...(stderr === undefined ? {} : { stderr }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(error.kind === "internal" && error.cause instanceof Error
      ? { stack: error.cause.stack }
      : {}),
  };
}
