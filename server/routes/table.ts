/**
 * The table of all routes: what the router, the roles, the API's description and the tests walk.
 *
 * @module
 */

import { defineRoute, type Route } from "../http/route.ts";
import { describeApi } from "../openapi.ts";
import { ACCOUNT_ROUTES } from "./accounts.ts";
import { AUDIT_ROUTES } from "./audit.ts";
import { HEALTH_ROUTES } from "./health.ts";
import { IMPORT_ROUTES } from "./import.ts";
import { INSIGHT_ROUTES } from "./insight.ts";
import { METRICS_ROUTES } from "./metrics.ts";
import { OIDC_ROUTES } from "./oidc.ts";
import { OPERATION_ROUTES } from "./operations.ts";
import { RECORD_ROUTES } from "./records.ts";
import { FINDINGS_ROUTES } from "./findings.ts";
import { RESERVATION_ROUTES } from "./reservations.ts";
import { RESOURCE_ROUTES } from "./resources.ts";
import { SESSION_ROUTES } from "./sessions.ts";
import { TOKEN_ROUTES } from "./tokens.ts";
import { WATCH_ROUTES } from "./watch.ts";

let description: string | undefined;

const OPENAPI: Route = defineRoute({
  method: "GET",
  path: "/openapi.json",
  id: "getOpenapi",
  tag: "health",
  summary: "This description",
  access: "public",
  tenant: "shared",
  answers: { 200: { description: "OpenAPI 3.1", schema: { type: "object" } } },
  handle: () => {
    description ??= JSON.stringify(describeApi(ROUTES));
    return { status: 200, raw: { type: "application/json", content: description } };
  },
});

/** All routes. */
export const ROUTES: readonly Route[] = [
  ...HEALTH_ROUTES,
  OPENAPI,
  ...RESOURCE_ROUTES,
  ...RECORD_ROUTES,
  ...INSIGHT_ROUTES,
  ...OPERATION_ROUTES,
  ...IMPORT_ROUTES,
  ...RESERVATION_ROUTES,
  ...FINDINGS_ROUTES,
  ...WATCH_ROUTES,
  ...SESSION_ROUTES,
  ...OIDC_ROUTES,
  ...TOKEN_ROUTES,
  ...ACCOUNT_ROUTES,
  ...AUDIT_ROUTES,
  ...METRICS_ROUTES,
];
