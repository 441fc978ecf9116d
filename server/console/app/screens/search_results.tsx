/** What was found, by what. @module */

import * as v from "valibot";
import type { VNode } from "preact";
import { AddressSchema } from "../api/objects.ts";
import type { Hit } from "../api/queries.ts";
import { t } from "../i18n.ts";
import { pathOf } from "../router.tsx";
import { holderName, StateMark, workloadName } from "../ui/bits.tsx";
import { Icon, type IconName, type Mark } from "../ui/icon.tsx";
import { markOf } from "./address_list.tsx";

const ICONS: Readonly<Record<Hit["kind"], IconName>> = {
  Address: "grid",
  Network: "networks",
  Node: "nodes",
  Zone: "nodes",
  PhysicalNetwork: "networks",
};

/** Where a thing that was found has its page. */
export function pathOfHit({ kind, name, network, address }: Hit): string {
  switch (kind) {
    case "Address":
      return `${pathOf("addresses", address ?? "")}?network=${encodeURIComponent(network ?? "")}`;
    case "Network":
      return pathOf("networks", name, "addresses");
    case "Node":
      return pathOf("nodes", ...name.split("/"));
    case "Zone":
      return `/nodes?q=${encodeURIComponent(name)}`;
    case "PhysicalNetwork":
      return `/networks?q=${encodeURIComponent(name)}`;
  }
}

/** The hits as links; `active` is the one that Enter would open. */
export function Results(
  { hits, active, id }: {
    readonly hits: readonly Hit[];
    readonly active?: number;
    readonly id?: string;
  },
): VNode {
  return (
    <ul
      class="hits"
      id={id}
      role={id === undefined ? undefined : "listbox"}
      aria-label={t("search.results")}
    >
      {hits.map((hit, index) => (
        <li
          key={`${hit.kind} ${hit.name}`}
          id={id === undefined ? undefined : `${id}-${index}`}
          role={id === undefined ? undefined : "option"}
          aria-selected={id === undefined ? undefined : index === active}
        >
          <a
            href={pathOfHit(hit)}
            class={index === active ? "hit active" : "hit"}
            tabIndex={id === undefined ? undefined : -1}
          >
            <Icon name={ICONS[hit.kind]} />
            <span class="mono name">{hit.address ?? hit.name}</span>
            <span class="what">{describe(hit)}</span>
            {hit.kind === "Address"
              ? <StateMark mark={hitMark(hit)} />
              : <span class="faint">{t(`kind.${hit.kind}`)}</span>}
          </a>
        </li>
      ))}
    </ul>
  );
}

function hitMark({ object, state }: Hit): Mark {
  const parsed = v.safeParse(AddressSchema, object);
  if (parsed.success) return markOf(parsed.output);
  return state === "cooling" ? "cooling" : "free";
}

function describe({ kind, network, object }: Hit): string {
  if (kind !== "Address") return "";
  const parsed = v.safeParse(AddressSchema, object);
  if (!parsed.success) return network ?? "";
  const { holder, owner, reason, mac } = parsed.output.spec;
  const who = holder !== undefined
    ? `${holderName(holder)} – ${holder.node}`
    : owner !== undefined
    ? workloadName(owner)
    : reason ?? "";
  return [who, network ?? "", mac ?? ""].filter((word) => word !== "").join(" · ");
}
