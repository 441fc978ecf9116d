/**
 * What the last checks of all nodes found.
 *
 * @module
 */

import { SEVERITIES } from "../../mod/ipam/check/finding.ts";
import { listNodeFindings } from "../../mod/ipam/node_findings.ts";
import { choice, text } from "../http/param.ts";
import { type Call, defineRoute, type Reply, type Route } from "../http/route.ts";

const QUERY = {
  cluster: text("Only of this cluster", { maxLength: 253 }),
  node: text("Only of this node", { maxLength: 253 }),
  severity: choice("Only nodes with a finding at least so severe, and only such", SEVERITIES),
} as const;

async function listFindings(call: Call<typeof QUERY>): Promise<Reply> {
  const { cluster, node, severity } = call.query;
  const least = severity === undefined ? SEVERITIES.length : SEVERITIES.indexOf(severity);
  const items: unknown[] = [];
  for await (const said of listNodeFindings(call.context.store, cluster)) {
    if (node !== undefined && said.node !== node) continue;
    const findings = said.findings.filter((one) => SEVERITIES.indexOf(one.severity) <= least);
    if (severity !== undefined && findings.length === 0) continue;
    const { v: _, ...rest } = said;
    items.push({ ...rest, findings });
  }
  return { status: 200, body: { items } };
}

/** Routes of findings. */
export const FINDINGS_ROUTES: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/api/v1/findings",
    id: "listFindings",
    tag: "findings",
    summary: "What the last check of every node found",
    access: "viewer",
    tenant: "none",
    query: QUERY,
    answers: {
      200: {
        description: "One item for each node that has reported, with counts and findings",
        schema: {
          type: "object",
          required: ["items"],
          properties: { items: { type: "array", items: { type: "object" } } },
        },
      },
    },
    handle: listFindings,
  }),
];
