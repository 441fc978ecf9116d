/** One node: what it is, and who is on it. @module */

import type { VNode } from "preact";
import * as v from "valibot";
import { useLive } from "../api/live.ts";
import { useLoad, useThrottled } from "../api/load.ts";
import { askAll, type AttachmentItem, AttachmentSchema, NodeSchema } from "../api/objects.ts";
import { request } from "../api/request.ts";
import { t } from "../i18n.ts";
import { pathOf } from "../router.tsx";
import { PageHead } from "../shell.tsx";
import { Facts, Find, Ip, NetworkLink, Time } from "../ui/bits.tsx";
import { Empty, Ready } from "../ui/states.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { NodeState } from "./nodes.tsx";

export function NodeScreen(
  { cluster, node }: { readonly cluster: string; readonly node: string },
): VNode {
  const about = useLoad(`node ${cluster}/${node}`, async (signal) => {
    const { body } = await request(pathOf("nodes", cluster, node), { signal });
    return v.parse(NodeSchema, body);
  });
  const attachments = useLoad(
    `attachments ${cluster}/${node}`,
    (signal) => askAll("/attachments", AttachmentSchema, { query: { cluster, node }, signal }),
  );
  const again = useThrottled(attachments.reload, 1000);
  useLive({
    kinds: ["nodes", "attachments"],
    onChange: ({ kind, key }) => {
      if (!key.startsWith(`${cluster}/${node}`)) return;
      if (kind === "nodes") about.reload();
      else again();
    },
    onLost: () => {
      about.reload();
      attachments.reload();
    },
  });
  return (
    <>
      <PageHead
        title={node}
        back={["/nodes", t("rail.nodes")]}
        under={about.value === undefined ? cluster : <NodeState node={about.value} />}
      />
      <div class="columns slim">
        <section>
          <h2>{t("node.attachments")}</h2>
          <Ready loaded={attachments}>
            {(items) =>
              items.length === 0
                ? <Empty icon="nodes" title={t("node.none")} text={t("node.noneText")} />
                : (
                  <Table
                    label={t("node.attachments")}
                    columns={columns()}
                    rows={items}
                    keyOf={({ metadata }) => metadata.name}
                  />
                )}
          </Ready>
        </section>
        <aside>
          <Ready loaded={about} rows={5}>
            {(value) => (
              <Facts
                rows={[
                  [t("node.zone"), value.spec.zone],
                  [t("field.cluster"), value.spec.cluster],
                  [t("nodes.version"), value.status?.version ?? "–"],
                  [
                    t("node.machine"),
                    <span class="mono clip" key="m">{value.status?.machineId ?? "–"}</span>,
                  ],
                  [
                    t("node.boot"),
                    <span class="mono clip" key="b">{value.status?.bootId ?? "–"}</span>,
                  ],
                  value.spec.fenced === undefined ? undefined : [
                    t("nodes.fenced"),
                    `${value.spec.fenced.by ?? ""} ${value.spec.fenced.reason ?? ""}`,
                  ],
                  value.spec.description === undefined
                    ? undefined
                    : [t("field.description"), value.spec.description],
                ]}
              />
            )}
          </Ready>
        </aside>
      </div>
    </>
  );
}

function columns(): readonly Column<AttachmentItem>[] {
  return [
    {
      key: "pod",
      title: t("field.pod"),
      width: "minmax(120px, 1.6fr)",
      phone: "minmax(0, 1.2fr)",
      cell: ({ spec }) => {
        const name = spec.pod === undefined
          ? spec.containerId.slice(0, 12)
          : `${spec.pod.namespace}/${spec.pod.name}`;
        return <Find what={name} />;
      },
    },
    {
      key: "ifname",
      title: t("field.ifname"),
      width: "64px",
      cell: ({ spec }) => <span class="mono">{spec.ifname}</span>,
    },
    {
      key: "addresses",
      title: t("field.address"),
      width: "minmax(190px, 2fr)",
      phone: "minmax(0, 1fr)",
      cell: ({ spec }) => (
        <span class="joined">
          {spec.addresses.map(({ address, id }) => (
            <Ip key={id} address={address.split("/")[0] ?? ""} network={spec.network.name} />
          ))}
        </span>
      ),
    },
    {
      key: "network",
      title: t("field.network"),
      width: "minmax(76px, 0.8fr)",
      cell: ({ spec }) => <NetworkLink name={spec.network.name} />,
    },
    {
      key: "mac",
      title: "MAC",
      width: "128px",
      from: 1200,
      cell: ({ spec }) => <Find what={spec.mac} />,
    },
    {
      key: "since",
      title: t("field.since"),
      width: "84px",
      from: 1280,
      align: "end",
      cell: ({ spec }) => <Time at={spec.since} />,
    },
  ];
}
