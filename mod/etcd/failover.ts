/**
 * Several endpoints as one: the preferred one is asked, and when it fails or keeps silent for a
 * moment the next one too; the first answer counts.
 *
 * @module
 */
import { asFabricError, FabricError, isKind } from "../error.ts";
import { pause, startTimer } from "../timer.ts";
import { reasonOf } from "./failure.ts";
import type { Endpoint } from "./transport.ts";

/**
 * How long an endpoint may be silent before the next one is asked beside it. Four times what a
 * busy etcd takes for a large answer, and a quarter of the second in which a dead one must be
 * passed over.
 */
export const HEDGE_MS = 250;

/** The pause before all endpoints are asked again while the members elect a leader. */
const ELECTION_PAUSE_MS = 100;

/** An answer within this time proves that an endpoint lives. */
const PROVEN_MS = 1000;

/** Errors of one endpoint, which the next one need not have. */
export const OF_THE_ENDPOINT = ["unavailable", "unknown-outcome", "incompatible"] as const;

/** What one attempt gave. */
export interface Reached<T> {
  readonly endpoint: Endpoint;
  readonly value: T;
}

/** The endpoints of a store and what is known of them. */
export class Endpoints {
  readonly #all: readonly Endpoint[];
  #preferred: number;
  readonly #answered: number[];

  constructor(endpoints: readonly Endpoint[], first: number) {
    this.#all = endpoints;
    this.#preferred = endpoints.length === 0 ? 0 : first % endpoints.length;
    this.#answered = endpoints.map(() => -Infinity);
  }

  /**
   * True when the endpoint answered a moment ago, or is the only one: then there is nothing to
   * gain from trying it out.
   */
  isProven(endpoint: Endpoint): boolean {
    const index = this.#all.indexOf(endpoint);
    const at = this.#answered[index] ?? -Infinity;
    return this.#all.length === 1 || performance.now() - at < PROVEN_MS;
  }

  /** The endpoint answered: it is asked first from now on. */
  prove(endpoint: Endpoint): void {
    const index = this.#all.indexOf(endpoint);
    this.#answered[index] = performance.now();
    this.#preferred = index;
  }

  /** The endpoint failed a call: it is tried out before the next write, and not asked first. */
  doubt(endpoint: Endpoint): void {
    const index = this.#all.indexOf(endpoint);
    this.#answered[index] = -Infinity;
    if (this.#preferred === index) this.#preferred = (index + 1) % this.#all.length;
  }

  get count(): number {
    return this.#all.length;
  }

  /**
   * The first success of `attempt` over the endpoints. It may be under way at several at a time,
   * so it must do no harm when done twice; the signal ends those that are no longer wanted. An
   * error that another endpoint would give as well ends it; when all failed otherwise, the error
   * is `unavailable` and names each.
   */
  async reach<T>(
    attempt: (endpoint: Endpoint, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<Reached<T>> {
    while (true) {
      const failures: FabricError[] = [];
      const reached = await this.#race(attempt, { signal, failures });
      if (reached !== undefined) return reached;
      const isElecting = failures.some((failure) => reasonOf(failure) === "leader");
      if (signal.aborted || !isElecting) throw unreachable(failures, signal);
      await pause(ELECTION_PAUSE_MS, signal);
    }
  }

  async #race<T>(
    attempt: (endpoint: Endpoint, signal: AbortSignal) => Promise<T>,
    { signal, failures }: { readonly signal: AbortSignal; readonly failures: FabricError[] },
  ): Promise<Reached<T> | undefined> {
    const order = [...this.#all.slice(this.#preferred), ...this.#all.slice(0, this.#preferred)];
    const others = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<Reached<T> | undefined>();
    let next = 0;
    let stopTimer = () => {};
    const begin = () => {
      stopTimer();
      const endpoint = order[next++];
      if (endpoint === undefined) return;
      if (next < order.length) stopTimer = startTimer(HEDGE_MS, begin);
      attempt(endpoint, others.signal).then(
        (value) => {
          if (!others.signal.aborted) this.prove(endpoint);
          resolve({ endpoint, value });
        },
        (cause) => {
          const failure = asFabricError(cause);
          if (!isKind(failure, ...OF_THE_ENDPOINT)) return reject(failure);
          if (!others.signal.aborted) this.doubt(endpoint);
          failures.push(failure);
          if (failures.length === order.length) resolve(undefined);
          else if (failures.length === next) begin();
        },
      );
    };
    const abort = () => {
      others.abort("aborted");
      resolve(undefined);
    };
    if (signal.aborted) return undefined;
    signal.addEventListener("abort", abort, { once: true });
    begin();
    try {
      return await promise;
    } finally {
      stopTimer();
      signal.removeEventListener("abort", abort);
      // A reason of our own, since the default one is an exception with a stack trace.
      others.abort("over");
    }
  }
}

function unreachable(failures: readonly FabricError[], signal: AbortSignal): FabricError {
  const [first] = failures;
  if (first !== undefined && failures.every((failure) => isKind(failure, "incompatible"))) {
    return first;
  }
  const causes = [...new Set(failures.map((failure) => failure.message))].join("; ");
  const reason = signal.aborted
    ? (signal.reason === "timeout" ? "timeout" : "aborted")
    : failures.map(reasonOf).find((text) => text !== "") ?? "connect";
  const message = {
    timeout: "etcd did not answer in time",
    aborted: "the call to etcd was given up",
  }[reason] ?? "etcd cannot be reached";
  return new FabricError("unavailable", causes === "" ? message : `${message}: ${causes}`, {
    details: { reason },
    ...(first === undefined ? {} : { cause: first }),
  });
}
