/** One network: overview, addresses, fixed, who may use it, history, YAML. @module */

import type { VNode } from "preact";
import { useLive } from "../api/live.ts";
import { useLoad, useThrottled } from "../api/load.ts";
import { type Network, NetworkSchema } from "../api/objects.ts";
import { type NetworkUsage, readTrend, readUsage, sumUsage } from "../api/queries.ts";
import { request } from "../api/request.ts";
import * as v from "valibot";
import { t } from "../i18n.ts";
import { go, pathOf } from "../router.tsx";
import { may } from "../session.ts";
import { PageHead } from "../shell.tsx";
import { Button, ButtonLink, Tag } from "../ui/bits.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Empty, Ready } from "../ui/states.tsx";
import { say } from "../ui/toast.tsx";
import { AddressesTab } from "./addresses.tsx";
import { FixedList } from "./fixed_list.tsx";
import { AllowedTab } from "./network_allowed.tsx";
import { HistoryTab } from "./network_history.tsx";
import { OverviewTab } from "./network_overview.tsx";
import { YamlTab } from "./network_yaml.tsx";

/** A network with what guards a change of it. */
export interface Guarded {
  readonly network: Network;
  readonly etag: string;
}

/** Reads a network with its ETag. */
export async function readNetwork(name: string, aborted?: AbortSignal): Promise<Guarded> {
  const { body, etag = "*" } = await request(pathOf("networks", name), {
    ...(aborted === undefined ? {} : { signal: aborted }),
  });
  return { network: v.parse(NetworkSchema, body), etag };
}

const TABS = ["overview", "addresses", "fixed", "allowed", "history", "yaml"] as const;
type Tab = typeof TABS[number];

export function NetworkScreen(
  { name, tab }: { readonly name: string; readonly tab: string },
): VNode {
  const known = TABS.find((one) => one === tab);
  const loaded = useLoad(`network ${name}`, (aborted) => readNetwork(name, aborted));
  const usage = useLoad("usage", readUsage);
  const readAgain = useThrottled(usage.reload, 2500);
  useLive({
    kinds: ["networks", "addresses"],
    network: name,
    onChange: ({ kind }) => kind === "networks" ? loaded.reload() : readAgain(),
    onLost: () => {
      loaded.reload();
      usage.reload();
    },
  }, { on: known !== "addresses" && known !== "fixed" });
  const missing = loaded.problem?.status === 404;
  if (missing || known === undefined) {
    return (
      <>
        <PageHead title={name} back={["/networks", t("networks.title")]} />
        <Empty icon="networks" title={t("network.gone", { name })} text={t("network.goneText")}>
          <ButtonLink to="/networks" look="main">{t("networks.title")}</ButtonLink>
        </Empty>
      </>
    );
  }
  const tabs = TABS.map((one) =>
    [
      one === "overview" ? pathOf("networks", name) : pathOf("networks", name, one),
      t(`network.${one}`),
    ] as const
  );
  const spec = loaded.value?.network.spec;
  return (
    <>
      <PageHead
        title={name}
        back={["/networks", t("networks.title")]}
        under={spec === undefined ? undefined : (
          <>
            <Tag>VLAN {spec.vlan}</Tag> <span>{spec.physicalNetwork}</span>{" "}
            <span class="faint">{spec.description}</span>
          </>
        )}
        tabs={tabs}
      >
        {may("operator") && loaded.value !== undefined
          ? (
            <>
              <ButtonLink to={pathOf("networks", name, "edit")} icon="edit">
                {t("action.edit")}
              </ButtonLink>
              <DeleteButton guarded={loaded.value} usage={usage.value?.get(name)} />
            </>
          )
          : null}
      </PageHead>
      <Ready loaded={loaded}>
        {({ network }) => <TabOf tab={known} network={network} usage={usage.value?.get(name)} />}
      </Ready>
    </>
  );
}

function TabOf(
  { tab, network, usage = sumUsage([]) }: {
    readonly tab: Tab;
    readonly network: Network;
    readonly usage?: NetworkUsage | undefined;
  },
): VNode {
  const trend = useLoad("trend", readTrend);
  switch (tab) {
    case "overview":
      return (
        <OverviewTab
          network={network}
          usage={usage}
          trend={trend.value?.get(network.metadata.name) ?? []}
        />
      );
    case "addresses":
      return <AddressesTab network={network} />;
    case "fixed":
      return <FixedList network={network.metadata.name} />;
    case "allowed":
      return <AllowedTab network={network} />;
    case "history":
      return <HistoryTab network={network.metadata.name} />;
    case "yaml":
      return <YamlTab network={network} />;
  }
}

function DeleteButton(
  { guarded, usage }: { readonly guarded: Guarded; readonly usage: NetworkUsage | undefined },
): VNode {
  const { network, etag } = guarded;
  const { name } = network.metadata;
  const inUse = usage?.subnets.reduce((sum, one) => sum + one.used + one.waiting, 0) ?? 0;
  const ask = (): void =>
    confirm({
      title: t("network.deleteTitle", { name }),
      text: inUse === 0 ? t("network.deleteText") : t("network.deleteInUse", { count: inUse }),
      losses: network.spec.subnets.map(({ cidr }) => cidr),
      action: t("action.delete"),
      danger: true,
      typed: name,
      run: async () => {
        await request(pathOf("networks", name), {
          method: "DELETE",
          headers: { "if-match": etag },
        });
        go("/networks");
        say(t("network.deleted", { name }), {
          undo: async () => {
            const { uid: _uid, resourceVersion: _version, creationTimestamp: _time, ...metadata } =
              network.metadata;
            await request("/networks", { method: "POST", body: { ...network, metadata } });
          },
        });
      },
    });
  return <Button icon="trash" onClick={ask}>{t("action.delete")}</Button>;
}
