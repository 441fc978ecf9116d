/**
 * Tokens of a Kubernetes cluster (of service accounts, or of its users): its API server says whose
 * they are (TokenReview). An answer counts for a few seconds.
 *
 * @module
 */

import * as v from "valibot";
import { asFabricError } from "../../mod/error.ts";
import type { KubeClient } from "../../mod/kube/client.ts";
import type { Vouched } from "./bindings.ts";
import { hashSecret } from "./secret.ts";

const ReviewSchema = v.looseObject({
  status: v.looseObject({
    authenticated: v.optional(v.boolean()),
    user: v.optional(v.looseObject({
      username: v.optional(v.string()),
      groups: v.optional(v.array(v.string())),
    })),
    audiences: v.optional(v.array(v.string())),
  }),
});

const PATH = "/apis/authentication.k8s.io/v1/tokenreviews";
/** How long an answer counts: so much later a revoked token is refused. */
const KEPT_MS = 10_000;
const MAX_KEPT = 2000;

interface Kept {
  readonly vouched: Vouched | undefined;
  readonly until: number;
}

/** Asks an API server whose a token is. */
export class TokenReviews {
  readonly #client: () => Promise<KubeClient>;
  readonly #now: () => number;
  readonly #audiences: readonly string[];
  readonly #kept = new Map<string, Kept>();

  constructor(options: {
    /** With the credentials of now: a token that a kubelet renews is good for an hour. */
    readonly client: () => Promise<KubeClient>;
    readonly now: () => number;
    /** The token must be for one of them; none: for the API server itself. */
    readonly audiences: readonly string[];
  }) {
    this.#client = options.client;
    this.#now = options.now;
    this.#audiences = options.audiences;
  }

  /**
   * Whose the token is; undefined: nobody's.
   *
   * @throws {FabricError} `unavailable`: the API server does not answer.
   */
  async review(token: string): Promise<Vouched | undefined> {
    const key = hashSecret(token, "review");
    const known = this.#kept.get(key);
    if (known !== undefined && known.until > this.#now()) return known.vouched;
    const vouched = await this.#ask(token);
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(key, { vouched, until: this.#now() + KEPT_MS });
    return vouched;
  }

  async #ask(token: string): Promise<Vouched | undefined> {
    let answer: unknown;
    try {
      using client = await this.#client();
      answer = await client.create(PATH, {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenReview",
        spec: { token, ...(this.#audiences.length === 0 ? {} : { audiences: this.#audiences }) },
      });
    } catch (cause) {
      throw asFabricError(cause);
    }
    const { status } = v.parse(ReviewSchema, answer);
    const name = status.user?.username;
    if (status.authenticated !== true || name === undefined) return undefined;
    return { way: "kubernetes", name, users: [name], groups: status.user?.groups ?? [] };
  }
}
