/**
 * Changes as they happen: one stream of Server-Sent Events for the page that is open. It goes on
 * behind the last event that was seen, also at another server; what cannot be gone on with is read
 * again by the page.
 *
 * @module
 */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import * as v from "valibot";
import { answeredAt, apiUrl, reachable, signInNeeded } from "./request.ts";

const ChangeSchema = v.looseObject({
  type: v.picklist(["added", "modified", "deleted"]),
  kind: v.string(),
  key: v.string(),
  object: v.optional(v.unknown()),
});
/** One change of one object. */
export type Change = v.InferOutput<typeof ChangeSchema>;

/** How fresh the page is: `off` where it does not follow anything. */
export const liveState = signal<"off" | "live" | "reconnecting">("off");

/** So long without any octet, and the stream counts as dead: the server sends one every 15 s. */
const SILENCE_MS = 40_000;

export interface Following {
  readonly kinds: readonly string[];
  readonly network?: string | undefined;
  readonly onChange: (change: Change) => void;
  /** What was missed cannot be told: read everything again. */
  readonly onLost: () => void;
}

/** Follows the changes while the component stands; `kinds` and `network` may change. */
export function useLive(following: Following, { on = true }: { readonly on?: boolean } = {}): void {
  const { kinds, network } = following;
  useEffect(() => {
    if (!on) return;
    const ended = new AbortController();
    follow(following, ended.signal);
    return () => {
      ended.abort();
      liveState.value = "off";
    };
  }, [kinds.join(), network, on]);
}

async function follow(following: Following, ended: AbortSignal): Promise<void> {
  let last: string | undefined;
  let first = true;
  for (let failures = 0; !ended.aborted;) {
    const outcome = await stream(following, {
      ended,
      last,
      onOpen: () => {
        // What happened between the page's reading and the stream's beginning.
        if (last === undefined && !first) following.onLost();
        first = false;
        failures = 0;
      },
      onId: (id) => {
        last = id;
      },
    });
    if (ended.aborted) return;
    if (outcome === "lost") {
      last = undefined;
      following.onLost();
    }
    if (outcome === "failed") failures++;
    liveState.value = "reconnecting";
    await pause(Math.min(500 * 2 ** failures, 8000) * (0.75 + Math.random() / 2), ended);
  }
}

interface Stream {
  readonly ended: AbortSignal;
  readonly last: string | undefined;
  readonly onOpen: () => void;
  readonly onId: (id: string) => void;
}

async function stream(
  following: Following,
  options: Stream,
): Promise<"closed" | "lost" | "failed"> {
  const { ended, last } = options;
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const url = apiUrl("/watch", { kinds: following.kinds.join(), network: following.network });
    const response = await fetch(url, {
      headers: {
        accept: "text/event-stream",
        ...(last === undefined ? {} : { "last-event-id": last }),
      },
      signal: AbortSignal.any([ended, silence.signal]),
    });
    if (response.status === 410) return "lost";
    if (response.status === 401) {
      signInNeeded.value = true;
      return "failed";
    }
    if (!response.ok || response.body === null) {
      reachable.value = response.status !== 503;
      return "failed";
    }
    liveState.value = "live";
    reachable.value = true;
    options.onOpen();
    const lines = response.body.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const chunk of lines) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      answeredAt.value = Date.now();
      rest += chunk;
      for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
        const event = parseEvent(rest.slice(0, end));
        rest = rest.slice(end + 2);
        if (event.id !== undefined) options.onId(event.id);
        if (event.name === "reset") return "lost";
        if (event.name === "bye") return "closed";
        const change = readChange(event.data);
        if (change !== undefined) following.onChange(change);
      }
    }
    return "closed";
  } catch {
    if (!ended.aborted) reachable.value = false;
    return "failed";
  } finally {
    clearTimeout(timer);
  }
}

interface Event {
  readonly name: string;
  readonly id: string | undefined;
  readonly data: string;
}

/** One event of the stream (HTML, 9.2.6). */
export function parseEvent(text: string): Event {
  let name = "";
  let id: string | undefined;
  const data: string[] = [];
  for (const line of text.split("\n")) {
    const [field = "", ...rest] = line.split(":");
    const value = rest.join(":").replace(/^ /, "");
    if (field === "event") name = value;
    else if (field === "id") id = value;
    else if (field === "data") data.push(value);
  }
  return { name, id, data: data.join("\n") };
}

function readChange(data: string): Change | undefined {
  if (data === "" || data === "{}") return undefined;
  const parsed = v.safeParse(ChangeSchema, JSON.parse(data));
  return parsed.success ? parsed.output : undefined;
}

function pause(ms: number, ended: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  ended.addEventListener("abort", () => {
    clearTimeout(timer);
    resolve();
  });
  return promise;
}
