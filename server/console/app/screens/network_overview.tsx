/** What a network is and how full its subnets are. @module */

import type { VNode } from "preact";
import type { Network } from "../api/objects.ts";
import { daysUntilFull, type NetworkUsage, type SubnetUsage } from "../api/queries.ts";
import { formatCount } from "../format.ts";
import { t } from "../i18n.ts";
import { pathOf } from "../router.tsx";
import { Bar, Count, Facts, Ip, Spark, Time } from "../ui/bits.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { FullIn } from "./networks.tsx";

export function OverviewTab(
  { network, usage, trend }: {
    readonly network: Network;
    readonly usage: NetworkUsage;
    readonly trend: readonly number[];
  },
): VNode {
  const { metadata, spec } = network;
  const { name } = metadata;
  const dns = spec.dns;
  return (
    <div class="columns">
      <section>
        <h2>{t("network.subnets")}</h2>
        <Table
          label={t("network.subnets")}
          columns={columnsOf(network)}
          rows={usage.subnets}
          keyOf={({ subnet }) => subnet}
          fill={false}
        />
        <h2>{t("network.trend")}</h2>
        {trend.length < 2 ? <p class="faint">{t("network.noTrend")}</p> : (
          <div class="trend">
            <Spark
              values={trend}
              label={t("networks.trendOf", { from: trend[0] ?? 0, to: trend.at(-1) ?? 0 })}
              width={560}
              height={96}
            />
            <p>
              {t("networks.trendOf", { from: trend[0] ?? 0, to: trend.at(-1) ?? 0 })}
              {" · "}
              {t("networks.fullIn")}: <FullIn days={daysUntilFull(trend, usage.free)} />
            </p>
          </div>
        )}
      </section>
      <aside>
        <h2>{t("network.about")}</h2>
        <Facts
          rows={[
            [t("field.physicalNetwork"), spec.physicalNetwork],
            ["VLAN", spec.vlan === 0 ? t("network.untagged") : String(spec.vlan)],
            ["MTU", spec.mtu === undefined ? t("network.mtuOfWire") : String(spec.mtu)],
            [t("networks.zones"), spec.zones?.join(", ") ?? t("networks.allZones")],
            [t("field.cooling"), t("network.seconds", { count: spec.coolingSeconds ?? 60 })],
            dns?.nameservers === undefined ? undefined : ["DNS", dns.nameservers.join(", ")],
            spec.routes === undefined || spec.routes.length === 0
              ? undefined
              : [t("field.routes"), spec.routes.map((one) => one.to).join(", ")],
            spec.description === undefined ? undefined : [t("field.description"), spec.description],
            [t("network.created"), <Time at={metadata.creationTimestamp} key="at" />],
            [
              t("network.labels"),
              Object.entries(metadata.labels ?? {}).map(([k, value]) => `${k}=${value}`).join(
                ", ",
              ) ||
              t("network.noLabels"),
            ],
          ]}
        />
        <p>
          <a href={pathOf("networks", name, "addresses")}>{t("network.seeAddresses")}</a>
        </p>
      </aside>
    </div>
  );
}

function columnsOf(network: Network): readonly Column<SubnetUsage>[] {
  const { name } = network.metadata;
  return [
    {
      key: "subnet",
      title: t("network.subnet"),
      width: "minmax(130px, 1.4fr)",
      phone: "minmax(0, 1fr)",
      cell: ({ subnet }) => (
        <a
          class="mono"
          href={`${pathOf("networks", name, "addresses")}?at=${subnet.split("/")[0] ?? ""}`}
        >
          {subnet}
        </a>
      ),
    },
    {
      key: "gateway",
      title: t("field.gateway"),
      width: "minmax(96px, 1fr)",
      from: 1180,
      cell: ({ subnet }) => {
        const gateway = network.spec.subnets.find(({ cidr }) => cidr === subnet)?.gateway;
        return gateway === undefined ? "" : <Ip address={gateway} network={name} />;
      },
    },
    {
      key: "share",
      title: t("networks.utilisation"),
      width: "minmax(120px, 1.2fr)",
      phone: "128px",
      cell: ({ utilisation }) => <Bar share={utilisation} label={t("networks.utilisation")} />,
    },
    {
      key: "used",
      title: t("state.used"),
      width: "52px",
      from: 760,
      align: "end",
      cell: ({ used }) => <Count value={used} />,
    },
    {
      key: "fixed",
      title: t("state.fixed"),
      width: "52px",
      from: 1280,
      align: "end",
      cell: ({ fixed }) => <Count value={fixed} />,
    },
    {
      key: "reserved",
      title: t("state.reserved"),
      width: "68px",
      from: 1280,
      align: "end",
      cell: ({ reserved }) => <Count value={reserved} />,
    },
    {
      key: "free",
      title: t("state.free"),
      width: "88px",
      align: "end",
      cell: ({ free }) => <span class="number">{formatCount(BigInt(free))}</span>,
    },
  ];
}
