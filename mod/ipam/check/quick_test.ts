import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import * as v from "valibot";
import {
  AddressRecordSchema,
  AttachmentRecordSchema,
  HistoryRecordSchema,
  MacRecordSchema,
  OwnerRecordSchema,
} from "../../model/records.ts";
import { decodeRecord } from "../stored.ts";
import {
  quickAddress,
  quickAttachment,
  quickHistory,
  quickMac,
  quickOwner,
  quickPointer,
} from "./quick.ts";

const pod = { namespace: "default", name: "web-0", uid: "u" };
const ref = { cluster: "local", node: "n1", containerId: "c1", ifname: "eth0" };
const holder = { ...ref, pod };
const owner = {
  cluster: "local",
  group: "apps",
  kind: "StatefulSet",
  namespace: "default",
  name: "web",
  slot: "0",
  ifname: "eth0",
};
const network = { name: "pods", uid: "u1" };

type Quick = (text: string) => unknown;
type Schema = v.GenericSchema<unknown, unknown>;

const RECORDS: readonly (readonly [string, Quick, Schema, Readonly<Record<string, unknown>>])[] = [
  ["address", quickAddress, AddressRecordSchema, {
    v: 1,
    state: "used",
    id: "i",
    owner,
    holder,
    mac: "m",
    reason: "r",
    since: "s",
  }],
  ["owner", quickOwner, OwnerRecordSchema, {
    v: 1,
    owner,
    network,
    addresses: [{ address: "10.0.0.1" }, { address: "10.0.0.2", stage: "next" }],
    mac: "m",
    holder,
    tenant: "t",
    since: "s",
  }],
  ["attachment", quickAttachment, AttachmentRecordSchema, {
    v: 1,
    ...holder,
    confName: "c",
    netns: "n",
    machineId: "m",
    bootId: "b",
    network,
    physicalNetwork: "prod",
    vlan: 1,
    mac: "m",
    owner,
    addresses: [{ address: "10.0.0.1/24", id: "i", gateway: "g" }],
    since: "s",
  }],
  ["MAC", quickMac, MacRecordSchema, { v: 1, network: "pods", owner, holder: ref }],
  ["history", quickHistory, HistoryRecordSchema, {
    v: 1,
    id: "i",
    address: "10.0.0.1",
    network,
    vlan: 1,
    owner,
    holder,
    mac: "m",
    start: "s",
    end: "e",
    endedBy: "del",
    disputed: ["x"],
  }],
];

/** The record with one field, at any depth, replaced or removed. */
function mutate(record: unknown, path: readonly number[], value: unknown): unknown {
  const [step, ...rest] = path;
  if (typeof record !== "object" || record === null || step === undefined) return value;
  const entries = Object.entries(record);
  const [name] = entries[step % Math.max(1, entries.length)] ?? [];
  if (name === undefined) return value;
  const changed = Object.fromEntries(
    entries.flatMap(([key, old]) => {
      if (key !== name) return [[key, old]];
      const next = rest.length === 0 ? value : mutate(old, rest, value);
      return next === undefined ? [] : [[key, next]];
    }),
  );
  return Array.isArray(record) ? Object.values(changed) : changed;
}

for (const [name, quick, schema, record] of RECORDS) {
  Deno.test(`the quick look at an ${name} accepts what is whole, and nothing that its schema refuses`, () => {
    const whole = JSON.stringify(record);
    assert(quick(whole) !== undefined);
    decodeRecord(schema, { key: name, value: whole });
    fc.assert(
      fc.property(
        fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }),
        fc.oneof(fc.constant(undefined), fc.jsonValue()),
        (path, value) => {
          const text = JSON.stringify(mutate(record, path, value)) ?? "";
          if (quick(text) === undefined) return;
          decodeRecord(schema, { key: name, value: text });
        },
      ),
      { numRuns: 3000 },
    );
    for (const text of ["", "{", "null", "[]", "7", '"x"', "{}"]) {
      assertEquals(quick(text), undefined);
    }
  });
}

Deno.test("the quick look at an entry by owner gives its address", () => {
  assertEquals(quickPointer('{"v":1,"address":"10.0.0.1"}'), "10.0.0.1");
  assertEquals(quickPointer('{"v":9,"address":"10.0.0.1"}'), undefined);
  assertEquals(quickPointer('{"v":1}'), undefined);
});
