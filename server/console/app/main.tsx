/** The console's program: which screen belongs to which address. @module */

import { effect } from "@preact/signals";
import { render, type VNode } from "preact";
import { t } from "./i18n.ts";
import { startKeyboard } from "./keyboard.ts";
import { applyPreferences } from "./preferences.ts";
import { go, match, place, startRouter } from "./router.tsx";
import { AccessScreen } from "./screens/access.tsx";
import { AddressScreen } from "./screens/address.tsx";
import { AuditScreen } from "./screens/audit.tsx";
import { FindingsScreen } from "./screens/findings.tsx";
import { FixedScreen } from "./screens/fixed.tsx";
import { NetworkForm } from "./screens/network_form.tsx";
import { NetworkScreen } from "./screens/network.tsx";
import { NetworksScreen } from "./screens/networks.tsx";
import { NodeScreen } from "./screens/node.tsx";
import { NodesScreen } from "./screens/nodes.tsx";
import { SearchScreen } from "./screens/search.tsx";
import { readSession } from "./session.ts";
import { PageHead, Shell } from "./shell.tsx";
import { Empty } from "./ui/states.tsx";

type Parts = Readonly<Record<string, string>>;

const SCREENS: readonly (readonly [pattern: string, screen: (parts: Parts) => VNode])[] = [
  ["/networks", () => <NetworksScreen />],
  ["/networks/new", () => <NetworkForm />],
  ["/networks/:name/edit", ({ name = "" }) => <NetworkForm key={name} name={name} />],
  ["/networks/:name", ({ name = "" }) => <NetworkScreen key={name} name={name} tab="overview" />],
  [
    "/networks/:name/:tab",
    ({ name = "", tab = "" }) => <NetworkScreen key={name} name={name} tab={tab} />,
  ],
  ["/addresses/:address", ({ address = "" }) => <AddressScreen key={address} address={address} />],
  ["/fixed", () => <FixedScreen />],
  ["/nodes", () => <NodesScreen />],
  [
    "/nodes/:cluster/:node",
    ({ cluster = "", node = "" }) => (
      <NodeScreen key={`${cluster}/${node}`} cluster={cluster} node={node} />
    ),
  ],
  ["/findings", () => <FindingsScreen />],
  ["/audit", () => <AuditScreen />],
  ["/access", () => <AccessScreen />],
  ["/search", () => <SearchScreen />],
];

function Screen(): VNode {
  const { path } = place.value;
  for (const [pattern, screen] of SCREENS) {
    const parts = match(pattern, path);
    if (parts !== undefined) return screen(parts);
  }
  return (
    <>
      <PageHead title={t("lost.title")} />
      <Empty icon="search" title={path} text={t("lost.text")}>
        <a class="button main" href="/networks">{t("rail.networks")}</a>
      </Empty>
    </>
  );
}

applyPreferences();
startRouter();
startKeyboard();
effect(() => {
  const [, section = ""] = place.value.path.split("/");
  const rest = decodeURIComponent(place.value.path.split("/").slice(2).join(" "));
  document.title = [rest, section, "fabric"].filter((part) => part !== "").join(" · ");
});
if (place.peek().path === "/") go("/networks", { replace: true });
readSession().catch(() => {
  // Each screen says that the server does not answer.
});
const root = document.getElementById("app");
if (root !== null) {
  render(
    <Shell>
      <Screen />
    </Shell>,
    root,
  );
}
