/**
 * The table of all routes: what the router, the roles, the API's description and the tests walk.
 *
 * @module
 */

import type { Route } from "../http/route.ts";
import { HEALTH_ROUTES } from "./health.ts";
import { INSIGHT_ROUTES } from "./insight.ts";
import { OPERATION_ROUTES } from "./operations.ts";
import { RECORD_ROUTES } from "./records.ts";
import { RESOURCE_ROUTES } from "./resources.ts";
import { WATCH_ROUTES } from "./watch.ts";

/** All routes. */
export const ROUTES: readonly Route[] = [
  ...HEALTH_ROUTES,
  ...RESOURCE_ROUTES,
  ...RECORD_ROUTES,
  ...INSIGHT_ROUTES,
  ...OPERATION_ROUTES,
  ...WATCH_ROUTES,
];
