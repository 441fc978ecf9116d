/**
 * One watch of several kinds: a browser may have six connections to a server, and no more.
 *
 * @module
 */

import { didYouMean } from "../../mod/nearest.ts";
import { httpError } from "../http/http_error.ts";
import { text } from "../http/param.ts";
import { defineRoute, type Route } from "../http/route.ts";
import { networkOf, WATCHED, type WatchedKind } from "../mirror/kinds.ts";
import { placeOf, replyWatch, WATCH_PARAMS } from "./list_route.ts";

function parseKinds(given: string | undefined): readonly WatchedKind[] {
  if (given === undefined) return WATCHED;
  return given.split(",").map((word) => {
    const found = WATCHED.find((kind) => kind === word.trim());
    if (found !== undefined) return found;
    throw httpError(400, `There is no kind ${JSON.stringify(word.slice(0, 60))}`, {
      field: "kinds",
      value: word.slice(0, 60),
      remedy: didYouMean(word.slice(0, 60), WATCHED, `use ${WATCHED.join(", ")}`),
    });
  });
}

/** The watch of several kinds. */
export const WATCH_ROUTES: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/api/v1/watch",
    id: "watch",
    tag: "watch",
    summary: "Changes of several kinds as Server-Sent Events",
    access: "viewer",
    tenant: "own",
    query: {
      kinds: text(`Of these kinds, separated by commas: ${WATCHED.join(", ")}; default: all`),
      network: text("Of what belongs to a network, only what belongs to this one", {
        maxLength: 63,
      }),
      resourceVersion: WATCH_PARAMS.resourceVersion,
      lastEventId: WATCH_PARAMS.lastEventId,
    },
    answers: { 200: { description: "The changes", type: "text/event-stream" } },
    problems: [410],
    handle: (call) => {
      const { network, kinds } = call.query;
      return replyWatch(call, {
        kinds: parseKinds(kinds),
        from: placeOf(call, { ...call.query, watch: true }),
        wants: (object) =>
          network === undefined || [undefined, network].includes(networkOf(object)),
      });
    },
  }),
];
