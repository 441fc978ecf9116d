/**
 * A store with a small data centre in it, for tests of the kinds that administrators write.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../mod/error.ts";
import { applyResource } from "../mod/ipam/apply.ts";
import { physicalNetwork, zone } from "./documents.ts";
import { type IpamFixture, startIpam } from "./ipam_fixture.ts";

/** Physical networks `prod` (9000) and `dmz` (1500); zones `z1` (both) and `z2` (`prod`). */
export async function startDataCentre(): Promise<IpamFixture> {
  const fixture = await startIpam();
  const { context } = fixture;
  await applyResource(context, physicalNetwork("dmz", { mtu: 1500 }));
  await applyResource(context, zone("z1", ["prod", "dmz"]));
  await applyResource(context, zone("z2", ["prod"]));
  return fixture;
}

/** The error that the call ends in, which must be of the kind and say what to do. */
export async function refused(run: () => Promise<unknown>, kind: string): Promise<FabricError> {
  const error = await assertRejects(run, FabricError);
  assertEquals(error.kind, kind, error.message);
  assert(error.remedy !== undefined, `no remedy: ${error.message}`);
  return error;
}
