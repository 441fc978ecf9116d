/**
 * Reading long ranges a page at a time, so that neither side ever holds all of one.
 *
 * @module
 */

import { isKind } from "../error.ts";
import type { KeyRange, KeyValue, RangeRequest, Store } from "./store.ts";

export interface PageOptions {
  /** Keys per page; default 1,000. */
  readonly size?: number;
  readonly keysOnly?: boolean;
  /** Read as it was at this revision; default: that of the first page. */
  readonly revision?: number;
  readonly signal?: AbortSignal;
}

const PAGE_SIZE = 1000;

/**
 * The keys of a range in their order, page by page, all as they were at the revision of the first
 * page. Where etcd compacts that revision away meanwhile, the rest is read as it is then: every key
 * that exists all the time is seen exactly once in any case.
 */
export async function* readPages(
  store: Pick<Store, "range">,
  range: Required<KeyRange>,
  options: PageOptions = {},
): AsyncGenerator<readonly KeyValue[]> {
  const { size = PAGE_SIZE, keysOnly = false, signal } = options;
  const call = signal === undefined ? {} : { signal };
  let key = range.key;
  let revision = options.revision;
  while (true) {
    const request: RangeRequest = {
      key,
      end: range.end,
      limit: size,
      keysOnly,
      ...(revision === undefined ? {} : { revision }),
    };
    let page;
    try {
      page = await store.range(request, call);
    } catch (error) {
      if (revision === undefined || !isCompacted(error)) throw error;
      revision = undefined;
      continue;
    }
    revision ??= page.header.revision;
    if (page.kvs.length > 0) yield page.kvs;
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return;
    key = `${last.key}\0`;
  }
}

/** True where the revision asked for is gone. */
export function isCompacted(error: unknown): boolean {
  return isKind(error, "conflict") && error.details["reason"] === "compacted";
}
