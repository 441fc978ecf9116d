/**
 * Kinds of damage of the store as such: what it says of itself, values and keys.
 *
 * @module
 */

import { defineKind, type Kind } from "../finding.ts";

export const STORE_KINDS = {
  schemaMissing: defineKind({
    code: "F-S-01",
    source: "networks",
    severity: "error",
    title: "the store does not say its schema",
    meaning: "`meta/schema` is missing or cannot be read, though the store is in use.",
    consequence: "A newer version of fabric cannot tell how old the store is, and may refuse it; " +
      "where the key is unreadable, every ADD fails.",
    remedy: "repair writes the schema of this version, unless a value of a newer one is found.",
  }),
  schemaNewer: defineKind({
    code: "F-S-02",
    source: "networks",
    severity: "error",
    title: "the store has a newer schema",
    meaning: "`meta/schema` is above what this version reads.",
    consequence:
      "This version cannot judge the store: nothing else was checked, and ADDs of this " +
      "version are refused.",
    remedy: "By hand: use fabric-admin of the version that wrote the store.",
  }),
  eraMissing: defineKind({
    code: "F-S-03",
    source: "networks",
    severity: "error",
    title: "the store does not say its era",
    meaning: "`meta/era` is missing or cannot be read, though the store is in use.",
    consequence:
      "A restored store cannot be told from the one before it, and the next edit would " +
      "take this one for new.",
    remedy: "repair writes a new era; ADDs that are under way read again.",
  }),
  malformed: defineKind({
    code: "F-S-04",
    source: "addresses",
    severity: "error",
    title: "a value is malformed",
    meaning: "The value of a key is no JSON, or not of the shape that its kind has.",
    consequence:
      "Whoever needs the record fails: ADD of what it is about, for an attachment also " +
      "DEL.",
    remedy: "repair writes it anew from the records around it, else puts back its last readable " +
      "version as long as etcd has that; a record that nothing refers to is removed.",
  }),
  otherSchema: defineKind({
    code: "F-S-05",
    source: "addresses",
    severity: "error",
    title: "a value of a schema that this version does not read",
    meaning: "The value says a schema above this version's, or older than the one before it.",
    consequence: "This version neither uses nor judges the record; ADDs that need it are refused.",
    remedy: "By hand: upgrade fabric here; if no newer version ever wrote to this store, restore " +
      "the record from a backup.",
  }),
  unknownKey: defineKind({
    code: "F-S-06",
    source: "networks",
    severity: "notice",
    title: "a key that the layout does not know",
    meaning: "Under the store's prefix stands a key outside of every part of the layout.",
    consequence: "Nobody reads it. It may be of a newer version of fabric, or of another program " +
      "that was given the same prefix.",
    remedy: "By hand: find out whose it is; give the other program a prefix of its own.",
  }),
  brokenKey: defineKind({
    code: "F-S-07",
    source: "addresses",
    severity: "warning",
    title: "a key that names nothing",
    meaning: "The key stands in a part of the layout, but its parts are not those of that part.",
    consequence: "Nobody can read it, but it is counted: a network seems fuller than it is, and " +
      "cannot be deleted.",
    remedy: "repair removes it.",
  }),
  abandonedEdit: defineKind({
    code: "F-S-08",
    source: "networks",
    severity: "warning",
    title: "an edit was left half-way",
    meaning: "`meta/edit` is claimed for a network, and nobody moves it any more.",
    consequence: "The next edit waits some seconds before it takes over; until then the free " +
      "index may offer addresses that the network does not hand out.",
    remedy: "repair finishes it: the free index is brought to the network's spec.",
  }),
  exportAhead: defineKind({
    code: "F-S-09",
    source: "networks",
    severity: "error",
    title: "the history counts as exported that is not",
    meaning: "`meta/exported` names a revision that this store has not reached, or is unreadable.",
    consequence: "History that no export holds may be trimmed.",
    remedy: "repair removes the mark: the next export begins anew.",
  }),
  editUnreadable: defineKind({
    code: "F-S-10",
    source: "networks",
    severity: "error",
    title: "the key that edits serialise on cannot be read",
    meaning: "The value of `meta/edit` is malformed.",
    consequence: "Every edit of a network, zone or node fails.",
    remedy: "repair writes it anew.",
  }),
  misnamed: defineKind({
    code: "F-S-11",
    source: "addresses",
    severity: "error",
    title: "a value names another object than its key",
    meaning: "The record says that it is about something else than the key under which it stands.",
    consequence: "It is found under one name and acts under another: a DEL releases what it does " +
      "not mean, a history tells of the wrong address.",
    remedy: "repair writes the key's name into the record.",
  }),
} as const satisfies Readonly<Record<string, Kind>>;
