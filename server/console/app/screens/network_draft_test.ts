import { assertEquals } from "@std/assert";
import type { Network } from "../../../../mod/model/network.ts";
import { API_VERSION } from "../../../../mod/model/resource.ts";
import {
  compareDrafts,
  documentOf,
  draftOf,
  EMPTY,
  EMPTY_SUBNET,
  factsOf,
  faultsOf,
  mergeDrafts,
} from "./network_draft.ts";

const NETWORK: Network = {
  apiVersion: API_VERSION,
  kind: "Network",
  metadata: { name: "pods", labels: { tenant: "cards" }, resourceVersion: "7" },
  spec: {
    physicalNetwork: "prod",
    vlan: 100,
    subnets: [{ cidr: "10.0.0.0/24", gateway: "10.0.0.1", exclude: ["10.0.0.9"], later: true }],
    routes: [{ to: "10.9.0.0/16", via: "10.0.0.2" }],
    allowed: { tenants: ["cards"], namespaceSelector: { a: "b" } },
    quota: { pods: 5 },
  },
};

Deno.test("a network that is read into the form and not changed makes the same document", () => {
  const { metadata, spec } = NETWORK;
  assertEquals(documentOf(draftOf(NETWORK), NETWORK), {
    apiVersion: API_VERSION,
    kind: "Network",
    metadata,
    spec,
  });
});

Deno.test("what is no number stays text, so that the check speaks of it at its field", () => {
  const faults = faultsOf(
    documentOf({ ...EMPTY, name: "pods", physicalNetwork: "prod", vlan: "x" }),
  );
  assertEquals(faults.map(({ field }) => field).filter((field) => field === "spec.vlan").length, 1);
});

Deno.test("a CIDR tells its capacity, its ends, the usual gateway, and whom it overlaps", () => {
  const typed = { ...EMPTY_SUBNET, cidr: "10.0.0.0/25", exclude: "10.0.0.100-10.0.0.109" };
  assertEquals(factsOf(typed, [NETWORK]), {
    capacity: 116n,
    first: "10.0.0.0",
    last: "10.0.0.127",
    gateway: "10.0.0.1",
    overlaps: ["pods (VLAN 100)"],
  });
  assertEquals(factsOf({ ...typed, exclude: "10.0.0.100-10." }, [])?.capacity, 126n, "half typed");
  assertEquals(factsOf({ ...typed, cidr: "10.0.0.1/25" }, []), undefined);
});

Deno.test("merging keeps what I changed and takes the rest, and tells where both changed", () => {
  const base = draftOf(NETWORK);
  const theirs = { ...base, vlan: "101", description: "theirs" };
  const mine = { ...base, description: "mine", mtu: "9000" };
  assertEquals(mergeDrafts(base, theirs, mine), {
    ...base,
    vlan: "101",
    description: "mine",
    mtu: "9000",
  });
  assertEquals(compareDrafts(base, theirs, mine).map(({ field, clash }) => [field, clash]), [
    ["vlan", false],
    ["description", true],
  ]);
});
