/**
 * The objects that the API shows, as schemas: for the description of the API, and for the fields by
 * which lists are filtered and sorted. They are the model's own, put together.
 *
 * @module
 */

import type * as v from "valibot";
import { OBJECT_SCHEMAS as SCHEMAS } from "../../mod/model/object_schemas.ts";
import type { Kind } from "../../mod/model/resource.ts";
import type { WatchedKind } from "../mirror/kinds.ts";

/** The word of `kind` in an object of each kind. */
export const KIND_NAMES: Readonly<Record<WatchedKind, Kind>> = {
  physicalnetworks: "PhysicalNetwork",
  zones: "Zone",
  nodes: "Node",
  networks: "Network",
  addresses: "Address",
  owners: "Owner",
  attachments: "Attachment",
  history: "History",
};

/** The objects of each kind. */
export const OBJECT_SCHEMAS: Readonly<Record<WatchedKind, v.GenericSchema>> = {
  physicalnetworks: SCHEMAS.PhysicalNetwork,
  zones: SCHEMAS.Zone,
  nodes: SCHEMAS.Node,
  networks: SCHEMAS.Network,
  addresses: SCHEMAS.Address,
  owners: SCHEMAS.Owner,
  attachments: SCHEMAS.Attachment,
  history: SCHEMAS.History,
};
