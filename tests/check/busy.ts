/**
 * A store that is never still: pods come and go, owners move, administrators edit and reserve.
 *
 * @module
 */

import { isKind } from "../../mod/error.ts";
import { parseAddress } from "../../mod/ip/address.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import type { AllocateRequest } from "../../mod/ipam/allocation.ts";
import { applyResource } from "../../mod/ipam/apply.ts";
import type { IpamContext } from "../../mod/ipam/context.ts";
import { deleteResource } from "../../mod/ipam/delete.ts";
import { release } from "../../mod/ipam/release.ts";
import { reserve, unreserve } from "../../mod/ipam/reserve.ts";
import { network } from "../documents.ts";
import { addRequest } from "../ipam_fixture.ts";
import { webOwner } from "./bed.ts";

export interface Busy {
  /** What was done so far, by kind. */
  readonly done: Readonly<Record<string, number>>;
  /** Ends all of it; throws what went wrong meanwhile. */
  stop(): Promise<void>;
}

export interface BusyOptions {
  /** Clients that add and delete pods. */
  readonly clients: number;
  /** ADDs a second over all clients; default: as many as go. */
  readonly perSecond?: number;
  /** Also edits of networks and reservations. Default true. */
  readonly edits?: boolean;
  /** Names of the pods begin with it, so that two of these do not meet. */
  readonly name: string;
  /** Slots of web from this on are used. Default 100. */
  readonly firstSlot?: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What others may do to us at any time is no fault. */
function isRace(error: unknown): boolean {
  return isKind(error, "try-again", "exhausted", "in-use", "conflict");
}

/** Starts it. */
export function startBusy(context: IpamContext, options: BusyOptions): Busy {
  const { clients, edits = true, perSecond, name, firstSlot = 100 } = options;
  const done: Record<string, number> = {};
  let running = true;
  const count = (what: string): void => void (done[what] = (done[what] ?? 0) + 1);
  const attempt = async (what: string, run: () => Promise<unknown>): Promise<boolean> => {
    try {
      await run();
      count(what);
      return true;
    } catch (error) {
      if (!isRace(error)) throw error;
      return false;
    }
  };
  const client = async (index: number): Promise<void> => {
    const living: AllocateRequest[] = [];
    for (let serial = 0; running; serial++) {
      const began = performance.now();
      const owned = serial % 4 === 0;
      const slot = String(firstSlot + index);
      const request = addRequest(`${name}-${index}-${serial}`, {
        networks: [serial % 3 === 0 && !owned ? "small" : "pods"],
        attachment: {
          ...addRequest(`${name}-${index}-${serial}`).attachment,
          node: `busy${index % 3}`,
        },
        machineId: `machine-of-busy${index % 3}`,
        ...(owned ? { owner: webOwner(slot) } : {}),
      });
      if (await attempt("add", () => allocate(context, request))) living.push(request);
      if (living.length > 3 || owned) {
        const old = owned ? living.pop() : living.shift();
        if (old !== undefined) {
          await attempt("del", () => release(context, old.attachment, { endedBy: "del" }));
        }
      }
      if (perSecond === undefined) continue;
      await pause(Math.max(0, 1000 * clients / perSecond - (performance.now() - began)));
    }
    for (const request of living) {
      await release(context, request.attachment, { endedBy: "del" });
    }
  };
  const editor = async (): Promise<void> => {
    for (let serial = 0; running; serial++) {
      const subnets = serial % 2 === 0
        ? [{ cidr: "10.50.0.0/20" }]
        : [{ cidr: "10.50.0.0/20", exclude: ["10.50.1.0/24"] }, { cidr: "10.51.0.0/24" }];
      await attempt(
        "edit",
        () => applyResource(context, network("edited", { vlan: 500, subnets })),
      );
      if (serial % 5 === 4) {
        await attempt("delete", () => deleteResource(context, { kind: "Network", name: "edited" }));
      }
      await pause(20);
    }
  };
  const reserver = async (): Promise<void> => {
    const first = parseAddress("10.0.0.204").value;
    const range = { family: 4 as const, first, last: first + 3n };
    while (running) {
      await attempt("reserve", () => reserve(context, { network: "pods", range, reason: "busy" }));
      await pause(20);
      await attempt("unreserve", () => unreserve(context, { network: "pods", range }));
    }
  };
  const work = [
    ...Array.from({ length: clients }, (_, index) => client(index)),
    ...(edits ? [editor(), reserver()] : []),
  ];
  let fault: unknown;
  for (const one of work) one.catch((error) => fault ??= error);
  return {
    done,
    async stop() {
      running = false;
      await Promise.allSettled(work);
      if (fault !== undefined) throw fault;
    },
  };
}
