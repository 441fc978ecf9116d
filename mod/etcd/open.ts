/**
 * Opens the store over one of the two transports.
 *
 * @module
 */
import { openGatewayStore } from "./gateway.ts";
import type { StoreOptions } from "./options.ts";
import type { Store } from "./store.ts";

export type { StoreOptions } from "./options.ts";

/**
 * The store. Nothing is sent yet; the files are read, and `invalid` says which of them or of the
 * options is wrong. `gateway` suits processes that live for milliseconds, `grpc` (which loads
 * etcd3 then) those that stay. The CNI plugin imports `gateway.ts` itself, so that etcd3 stays out
 * of its bundle.
 */
export async function openStore(
  options: StoreOptions,
  { transport }: { readonly transport: "gateway" | "grpc" },
): Promise<Store> {
  if (transport === "gateway") return await openGatewayStore(options);
  const { openGrpcStore } = await import("./grpc.ts");
  return await openGrpcStore(options);
}
