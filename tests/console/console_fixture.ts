/**
 * The compiled server on a real etcd with a bank's data centre in it, and pages of one headless
 * Chromium.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { ulid } from "@std/ulid";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { openStore } from "../../mod/etcd/open.ts";
import type { Store } from "../../mod/etcd/store.ts";
import { type IpamContext, memoryLeaseCache } from "../../mod/ipam/context.ts";
import { type EtcdFixture, freePort, startEtcd } from "../etcd_fixture.ts";
import { RELEASE } from "../executable.ts";
import { supervise, type Supervised } from "../supervised.ts";
import { writePeople, writeSample } from "./sample.ts";

/** Debian's. */
const CHROMIUM = "/usr/bin/chromium";

/** How long a page may take on a busy machine before a test gives up. */
const PATIENCE_MS = 20_000;

/** What whoever comes may do; `none`: one has to sign in. */
export type Anonymous = "viewer" | "operator" | "admin" | "none";

export interface ConsoleOptions {
  /** Default: admin. */
  readonly anonymous?: Anonymous;
  /** Without the sample: an empty store. */
  readonly empty?: boolean;
  /** With accounts, tokens and an audit: hashing passwords takes its time. */
  readonly people?: boolean;
}

export interface ConsoleFixture extends AsyncDisposable {
  readonly url: string;
  readonly etcd: EtcdFixture;
  readonly store: Store;
  readonly context: IpamContext;
  /** Starts another server on the same store; its address. */
  readonly serve: (anonymous: Anonymous) => Promise<string>;
}

/** etcd, the sample and the server. */
export async function startConsole(options: ConsoleOptions = {}): Promise<ConsoleFixture> {
  const { anonymous = "admin", empty = false, people = false } = options;
  const etcd = await startEtcd();
  let store: Store | undefined;
  const servers: Supervised[] = [];
  const serve = async (role: Anonymous): Promise<string> => {
    const port = freePort();
    const server = await supervise([
      RELEASE,
      "ctl",
      "serve",
      `--listen=127.0.0.1:${port}`,
      `--etcd-endpoints=${etcd.endpoints.join()}`,
      ...(role === "none" ? [] : [`--anonymous=${role}`]),
    ], `${etcd.dir}/server-${port}.log`);
    servers.push(server);
    const url = `http://127.0.0.1:${port}`;
    await untilReady(url, server);
    return url;
  };
  const end = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.end()));
    await store?.[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  };
  try {
    store = await openStore({ endpoints: etcd.endpoints }, { transport: "gateway" });
    const context: IpamContext = {
      store,
      now: Date.now,
      random: Math.random,
      newId: ulid,
      leases: memoryLeaseCache(),
    };
    if (!empty) await writeSample({ context, store });
    if (people) await writePeople(context);
    return { url: await serve(anonymous), etcd, store, context, serve, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function untilReady(url: string, server: Supervised): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    assert(!server.isOver(), "the server has ended");
    try {
      const response = await fetch(`${url}/readyz`);
      await response.body?.cancel();
      if (response.ok) return;
    } catch {
      // It does not listen yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the server is not ready");
}

/** One Chromium; ends with what uses it. */
export async function startBrowser(): Promise<Browser & AsyncDisposable> {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    // Tests run as root, and in containers with little shared memory.
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  return Object.assign(browser, { [Symbol.asyncDispose]: () => browser.close() });
}

export interface Look {
  readonly language?: "en" | "zh-CN";
  readonly theme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** Lets axe in; everything else runs under the console's own policy. */
  readonly bypassCSP?: boolean;
}

/** A person at a browser. */
export interface Visitor extends AsyncDisposable {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Goes to a path and waits until it shows something. */
  readonly open: (path: string) => Promise<void>;
  /** What the console complained of: errors, refused resources. */
  readonly complaints: readonly string[];
  /** Hosts that were asked. */
  readonly hosts: ReadonlySet<string>;
}

/** Opens a window of its own: cookies and storage are nobody else's. */
export async function visit(
  browser: Browser,
  url: string,
  look: Look = {},
): Promise<Visitor> {
  const { language = "en", theme = "light", width = 1280, height = 800 } = look;
  const context = await browser.newContext({
    viewport: { width, height },
    locale: language,
    timezoneId: "Asia/Shanghai",
    reducedMotion: "reduce",
    bypassCSP: look.bypassCSP ?? false,
  });
  await context.addInitScript(
    `if (localStorage.getItem("fabric.language") === null) {
       localStorage.setItem("fabric.language", "${language}");
       localStorage.setItem("fabric.theme", "${theme}");
     }`,
  );
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  const hosts = new Set<string>();
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // Answers that the page itself deals with are written here by the browser, too.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      complaints.push(message.text());
    }
  });
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  return {
    page,
    context,
    complaints,
    hosts,
    open: async (path) => {
      await page.goto(`${url}${path}`);
      await settled(page);
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** Returns when the page has its title and nothing is loading. */
export async function settled(page: Page): Promise<void> {
  await page.locator("h1, dialog[open]").first().waitFor();
  // Behind a sign-in everything waits.
  await page.locator("body:not(:has(.skeleton)), dialog[open]").first().waitFor();
}

/** Fails where the page complained, or asked anybody else. */
export function assertQuiet(visitor: Visitor, url: string): void {
  assertEquals(visitor.complaints, []);
  assertEquals([...visitor.hosts], [new URL(url).host]);
}

/** Screens of the sample, one path each. */
export const SCREENS: readonly (readonly [name: string, path: string])[] = [
  ["networks", "/networks"],
  ["network", "/networks/core-banking"],
  ["addresses", "/networks/core-banking/addresses?sel=10.10.0.16"],
  ["address-list", "/networks/core-banking/addresses?view=list"],
  ["ranges", "/networks/core-banking/addresses?view=ranges"],
  ["network-fixed", "/networks/trading/fixed"],
  ["who-may-use", "/networks/core-banking/allowed"],
  ["history", "/networks/core-banking/history"],
  ["yaml", "/networks/core-banking/yaml"],
  ["add-network", "/networks/new"],
  ["edit-network", "/networks/trading/edit"],
  ["address", "/addresses/10.10.0.16?network=core-banking"],
  ["fixed", "/fixed"],
  ["nodes", "/nodes"],
  ["node", "/nodes/local/node1"],
  ["findings", "/findings"],
  ["audit", "/audit"],
  ["access", "/access"],
  ["search", "/search?q=ledger-1"],
];
