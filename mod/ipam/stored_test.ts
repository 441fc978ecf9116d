import { assertEquals, assertThrows } from "@std/assert";
import * as v from "valibot";
import { FabricError } from "../error.ts";
import type { Network } from "../model/network.ts";
import { AddressRecordSchema } from "../model/records.ts";
import {
  decodeRecord,
  decodeResource,
  encodeRecord,
  encodeResource,
  SCHEMA,
  type SchemaVersion,
} from "./stored.ts";

const key = "addresses/prod/4/0a000005";
const base = { state: "used", id: "01J", since: "2026-01-01T00:00:00.000Z" };

function failure(run: () => unknown): FabricError {
  return assertThrows(run, FabricError);
}

Deno.test("decodeRecord() reads what encodeRecord() wrote", () => {
  const value = encodeRecord(base);
  assertEquals(decodeRecord(AddressRecordSchema, { key, value }), {
    v: SCHEMA,
    state: "used",
    id: "01J",
    since: "2026-01-01T00:00:00.000Z",
  });
});

// A made-up next version: `id` becomes `allocation`, and a record gets a `site`.
const Next: SchemaVersion = {
  current: SCHEMA + 1,
  upgrade: ({ id, ...rest }) => ({ ...rest, allocation: id, site: "unknown" }),
};
const NextSchema = v.looseObject({
  v: v.number(),
  state: v.string(),
  allocation: v.string(),
  site: v.string(),
});

Deno.test("decodeRecord() of N reads N and upgrades N-1", () => {
  const old = encodeRecord(base);
  const read = decodeRecord(NextSchema, { key, value: old }, { version: Next });
  assertEquals(read, {
    v: 2,
    state: "used",
    allocation: "01J",
    site: "unknown",
    since: base.since,
  });
  const value = encodeRecord(read);
  assertEquals(decodeRecord(NextSchema, { key, value }, { version: Next }), read);
});

Deno.test("decodeRecord() of N refuses N+1, naming the key and the versions", () => {
  const value = encodeRecord({ ...base, v: SCHEMA + 1 });
  const error = failure(() => decodeRecord(AddressRecordSchema, { key, value }));
  assertEquals(error.kind, "schema");
  assertEquals(
    error.message,
    `Cannot read ${key}: it has schema 2, newer than this version reads (0 and 1)`,
  );
  assertEquals(error.remedy, "upgrade fabric on this host");
});

Deno.test("decodeRecord() of N refuses N-2", () => {
  const value = encodeRecord({ ...base, v: 1 });
  const version = { current: 3 };
  const error = failure(() => decodeRecord(AddressRecordSchema, { key, value }, { version }));
  assertEquals(error.kind, "schema");
  assertEquals(error.message.includes("schema 1, older than this version reads (2 and 3)"), true);
});

Deno.test("decodeRecord() reads any schema for those who may not refuse", () => {
  const value = encodeRecord({ ...base, v: 9, wonder: true });
  const read = decodeRecord(AddressRecordSchema, { key, value }, { anySchema: true });
  assertEquals([read.v, read.id, read.wonder], [9, "01J", true]);
});

Deno.test("an unknown field of a newer version survives a read-modify-write of an older one", () => {
  const value = encodeRecord({
    ...base,
    site: "fra1",
    holder: {
      cluster: "local",
      node: "n1",
      containerId: "c",
      ifname: "eth0",
      rack: 7,
    },
  });
  const read = decodeRecord(AddressRecordSchema, { key, value });
  const written = decodeRecord(AddressRecordSchema, {
    key,
    value: encodeRecord({ ...read, state: "owned" }),
  });
  assertEquals([written.state, written.site, written.holder?.rack], ["owned", "fra1", 7]);
});

Deno.test("decodeRecord() says what is broken, and where", () => {
  const messages = ["{", "[]", "{}", '{"v":"1"}', encodeRecord({ ...base, id: 5 })].map((value) => {
    const error = failure(() => decodeRecord(AddressRecordSchema, { key, value }));
    assertEquals([error.kind, error.field], ["internal", key]);
    return error.message;
  });
  assertEquals(messages, [
    `Cannot read ${key}: it is not JSON`,
    `Cannot read ${key}: it is not a JSON object`,
    `Cannot read ${key}: it has no schema number`,
    `Cannot read ${key}: it has no schema number`,
    `Cannot read ${key}: id: Invalid type: Expected string but received 5`,
  ]);
});

const network: Network = {
  apiVersion: "beyondfabric.io/v1alpha1",
  kind: "Network",
  metadata: { name: "prod", uid: "u", resourceVersion: "3" },
  spec: { physicalNetwork: "wire", vlan: 10, subnets: [{ cidr: "10.0.0.0/24", beyond: 1 }] },
};

Deno.test("decodeResource() gives the key's revision as resourceVersion, and keeps unknown fields", () => {
  const value = encodeResource(network);
  assertEquals(JSON.parse(value), { v: 1, ...network, metadata: { name: "prod", uid: "u" } });
  assertEquals(decodeResource({ key: "networks/prod", value, modRevision: 42 }, "Network"), {
    ...network,
    metadata: { name: "prod", uid: "u", resourceVersion: "42" },
  });
});

Deno.test("decodeResource() refuses a document of another kind", () => {
  const stored = { key: "zones/prod", value: encodeResource(network), modRevision: 42 };
  assertEquals(failure(() => decodeResource(stored, "Zone")).kind, "internal");
});
