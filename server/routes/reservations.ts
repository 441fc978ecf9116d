/**
 * Reservations: runs of addresses that are kept for the same thing.
 *
 * @module
 */

import { addressFromHex, type Family, formatAddress } from "../../mod/ip/address.ts";
import { formatRange } from "../../mod/ip/range.ts";
import { escapeSegment, unescapeSegment } from "../../mod/ipam/keys.ts";
import { jsonBody } from "../http/body.ts";
import { text } from "../http/param.ts";
import { type Call, defineBodyRoute, defineRoute, type Reply, type Route } from "../http/route.ts";
import { DRY_RUN, ReserveSchema, runReserve, runUnreserve } from "./operations.ts";

interface Run {
  readonly network: string;
  readonly family: Family;
  readonly first: bigint;
  last: bigint;
  readonly reason: string;
  readonly since: string;
}

const QUERY = { network: text("Only of this network", { maxLength: 63 }) } as const;

async function listReservations(call: Call<typeof QUERY>): Promise<Reply> {
  const { context, query, sees } = call;
  const revision = await context.mirror.fresh();
  const prefix = query.network === undefined ? "" : `${escapeSegment(query.network)}/`;
  const runs: Run[] = [];
  for (const [key, { value }] of context.mirror.tables.addresses.walk({ prefix })) {
    const { state, reason = "", since } = value.record;
    if (state !== "reserved" || !sees(value.network)) continue;
    const [name = "", , hex = ""] = key.split("/");
    const { family, value: number } = addressFromHex(hex);
    const network = unescapeSegment(name);
    const before = runs.at(-1);
    const follows = before !== undefined && before.network === network &&
      before.family === family && before.last + 1n === number && before.reason === reason;
    if (follows) before.last = number;
    else runs.push({ network, family, first: number, last: number, reason, since });
  }
  const items = runs.map(({ network, family, first, last, reason, since }) => ({
    network,
    range: formatRange({ family, first, last }),
    first: formatAddress({ family, value: first }),
    last: formatAddress({ family, value: last }),
    size: String(last - first + 1n),
    reason,
    since,
  }));
  return { status: 200, body: { resourceVersion: String(revision), items } };
}

/** Routes of reservations. */
export const RESERVATION_ROUTES: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/api/v1/reservations",
    id: "listReservations",
    tag: "operations",
    summary: "List runs of reserved addresses",
    access: "viewer",
    tenant: "own",
    query: QUERY,
    answers: {
      200: {
        description: "Runs, in order",
        schema: {
          type: "object",
          required: ["items"],
          properties: { items: { type: "array", items: { type: "object" } } },
        },
      },
    },
    handle: listReservations,
  }),
  defineBodyRoute({
    method: "POST",
    path: "/api/v1/reservations",
    id: "createReservation",
    tag: "operations",
    summary: "Reserve addresses",
    access: "operator",
    tenant: "own",
    query: DRY_RUN,
    body: jsonBody("What to reserve", ReserveSchema, {
      example: { network: "pods", range: "10.100.0.30-10.100.0.39", reason: "load balancer" },
    }),
    answers: { 200: { description: "What became of it", schema: { type: "object" } } },
    problems: [404, 409],
    handle: runReserve,
  }),
  defineRoute({
    method: "DELETE",
    path: "/api/v1/reservations/{network}/{range}",
    id: "deleteReservation",
    tag: "operations",
    summary: "Give reserved addresses back; what is not reserved stays as it is",
    access: "operator",
    tenant: "own",
    pathParams: {
      network: { description: "Name of the network", example: "pods" },
      range: { description: "first-last or one address", example: "10.100.0.30-10.100.0.39" },
    },
    query: DRY_RUN,
    answers: { 200: { description: "What became of it", schema: { type: "object" } } },
    problems: [404, 409, 422],
    handle: (call) => {
      const { network = "", range = "" } = call.path;
      return runUnreserve({ ...call, body: { network, range } });
    },
  }),
];
