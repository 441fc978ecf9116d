/**
 * Is it alive, and may it be sent requests.
 *
 * @module
 */

import { asFabricError } from "../../mod/error.ts";
import { defineRoute, type Route } from "../http/route.ts";

const STATE = { type: "object", properties: { status: { type: "string" } } } as const;

/** Routes of health. */
export const HEALTH_ROUTES: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/healthz",
    id: "health",
    tag: "health",
    summary: "Whether the process works",
    access: "public",
    tenant: "shared",
    answers: { 200: { description: "It does", schema: STATE } },
    handle: () => ({ status: 200, body: { status: "alive" } }),
  }),
  defineRoute({
    method: "GET",
    path: "/readyz",
    id: "ready",
    tag: "health",
    summary: "Whether it may be sent requests: etcd answers, and the mirror follows",
    access: "public",
    tenant: "shared",
    answers: {
      200: { description: "It may", schema: STATE },
      503: { description: "It may not", schema: STATE },
    },
    async handle({ context }) {
      if (!context.accepting()) return { status: 503, body: { status: "ending" } };
      try {
        const revision = await context.mirror.fresh();
        return { status: 200, body: { status: "ready", revision } };
      } catch (error) {
        const { kind } = asFabricError(error);
        return { status: 503, headers: { "retry-after": "2" }, body: { status: kind } };
      }
    },
  }),
];
