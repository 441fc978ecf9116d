import { FabricError } from "../error.ts";
import type { StoreOptions } from "./options.ts";
import type { Store } from "./store.ts";
export function openGrpcStore(_options: StoreOptions): Promise<Store> {
  throw new FabricError("internal", "not yet");
}
