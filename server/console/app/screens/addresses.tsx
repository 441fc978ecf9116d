/** The addresses of a network: a grid of one block, a list, or ranges. @module */

import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { formatAddress, tryParseAddress } from "../../../../mod/ip/address.ts";
import { parsePrefix } from "../../../../mod/ip/prefix.ts";
import { useLive } from "../api/live.ts";
import { useLoad, useThrottled } from "../api/load.ts";
import type { Network } from "../api/objects.ts";
import { readGrid } from "../api/queries.ts";
import { t } from "../i18n.ts";
import { place, setQuery } from "../router.tsx";
import { may } from "../session.ts";
import { Button, Segments } from "../ui/bits.tsx";
import { Ready } from "../ui/states.tsx";
import { AddressDetails } from "./address_details.tsx";
import { AddressList } from "./address_list.tsx";
import { AddressRanges } from "./address_ranges.tsx";
import { AddressGrid, type Selected } from "./address_grid.tsx";
import { Blocks } from "./address_blocks.tsx";
import { ExportMenu } from "./address_export.tsx";
import { ReserveDialog } from "./reserve.tsx";

const VIEWS = ["grid", "list", "ranges"] as const;

export function AddressesTab({ network }: { readonly network: Network }): VNode {
  const { query } = place.value;
  const view = VIEWS.find((one) => one === query.get("view")) ?? "grid";
  const [reserving, setReserving] = useState(false);
  const at = query.get("at") ?? firstOf(network);
  const { name } = network.metadata;
  return (
    <div class="stack">
      <div class="tools">
        <Segments
          label={t("addresses.view")}
          value={view}
          options={[
            ["grid", t("addresses.grid"), "grid"],
            ["list", t("addresses.list"), "list"],
            ["ranges", t("addresses.ranges"), "tree"],
          ]}
          onChange={(next) => setQuery({ view: next === "grid" ? undefined : next })}
        />
        <SubnetChoice network={network} at={at} />
        <Jump network={network} />
        <span class="space" />
        {may("operator")
          ? <Button onClick={() => setReserving(true)}>{t("reserve.open")}</Button>
          : null}
        <ExportMenu network={name} />
      </div>
      {view === "grid"
        ? <GridView network={network} at={at} />
        : view === "list"
        ? <AddressList network={name} />
        : <AddressRanges network={network} />}
      {reserving
        ? (
          <ReserveDialog
            network={name}
            at={query.get("sel") ?? ""}
            onClose={() => setReserving(false)}
          />
        )
        : null}
    </div>
  );
}

function firstOf(network: Network): string {
  return network.spec.subnets[0]?.cidr.split("/")[0] ?? "";
}

/** The subnet whose block is shown. */
function SubnetChoice({ network, at }: { readonly network: Network; readonly at: string }) {
  const { subnets } = network.spec;
  if (subnets.length < 2) return null;
  const address = tryParseAddress(at);
  const current = subnets.find(({ cidr }) => address !== undefined && contains(cidr, at))?.cidr;
  return (
    <select
      aria-label={t("network.subnet")}
      class="mono"
      onChange={(event) =>
        setQuery({ at: event.currentTarget.value.split("/")[0], sel: undefined })}
    >
      {subnets.map(({ cidr }) => (
        <option key={cidr} value={cidr} selected={cidr === current}>{cidr}</option>
      ))}
    </select>
  );
}

/** True where the CIDR holds the address. */
export function contains(cidr: string, text: string): boolean {
  const address = tryParseAddress(text);
  try {
    const prefix = parsePrefix(cidr);
    if (address?.family !== prefix.family) return false;
    const size = BigInt((prefix.family === 4 ? 32 : 128) - prefix.length);
    return address.value >> size === prefix.base >> size;
  } catch {
    return false;
  }
}

/** Goes to any address of the network: the whole one, or how it ends. */
function Jump({ network }: { readonly network: Network }): VNode {
  const [wrong, setWrong] = useState(false);
  const jump = (event: SubmitEvent & { readonly currentTarget: HTMLFormElement }): void => {
    event.preventDefault();
    const given = new FormData(event.currentTarget).get("to");
    const text = typeof given === "string" ? given.trim() : "";
    const at = complete(network, text);
    setWrong(at === undefined);
    if (at !== undefined) setQuery({ at, sel: at, view: undefined });
  };
  return (
    <form class="jump" onSubmit={jump}>
      <input
        name="to"
        class="mono"
        placeholder={t("addresses.jump")}
        aria-label={t("addresses.jump")}
        aria-invalid={wrong ? "true" : undefined}
        autocomplete="off"
        spellcheck={false}
        onInput={() => setWrong(false)}
      />
      {wrong ? <span class="fault" role="alert">{t("addresses.notHere")}</span> : null}
    </form>
  );
}

/** `10.10.3.7`, or `3.7` and `.7` as the end of one in the first IPv4 subnet that can hold it. */
function complete(network: Network, text: string): string | undefined {
  const whole = tryParseAddress(text);
  if (whole !== undefined) {
    const full = formatAddress(whole);
    return network.spec.subnets.some(({ cidr }) => contains(cidr, full)) ? full : undefined;
  }
  if (!/^[.\d]+$/.test(text)) return undefined;
  const end = text.replace(/^\./, "").split(".");
  for (const { cidr } of network.spec.subnets) {
    const head = (cidr.split("/")[0] ?? "").split(".");
    if (head.length !== 4) continue;
    const full = [...head.slice(0, 4 - end.length), ...end].join(".");
    if (contains(cidr, full)) return full;
  }
  return undefined;
}

function GridView({ network, at }: { readonly network: Network; readonly at: string }): VNode {
  const { name } = network.metadata;
  const grid = useLoad(`grid ${name} ${blockOf(at)}`, (aborted) => readGrid(name, at, aborted));
  const readAgain = useThrottled(grid.reload, 400);
  useLive({
    kinds: ["addresses", "networks"],
    network: name,
    onChange: readAgain,
    onLost: grid.reload,
  });
  const [hovered, setHovered] = useState<Selected>();
  const chosen = place.value.query.get("sel") ?? undefined;
  return (
    <div class="grid-view">
      <Blocks network={network} at={at} />
      <Ready loaded={grid} rows={16}>
        {(value) => (
          <div class="grid-and-details">
            <AddressGrid
              grid={value}
              selected={chosen}
              onHover={setHovered}
              onSelect={(address) => setQuery({ sel: address, at })}
            />
            <AddressDetails network={network} grid={value} address={chosen ?? hovered?.address} />
          </div>
        )}
      </Ready>
    </div>
  );
}

/** What the blocks of an address have in common, so that a block is read once. */
function blockOf(at: string): string {
  const address = tryParseAddress(at);
  if (address === undefined) return at;
  return formatAddress({ family: address.family, value: address.value & ~255n });
}
