/**
 * Makes the pictures of the console for the documentation: every screen, in both languages, from
 * the compiled executable on a real etcd with the data centre of the tests in it.
 *
 * @module
 */

import type { Page } from "playwright-core";
import {
  type ConsoleFixture,
  type Look,
  settled,
  startBrowser,
  startConsole,
  visit,
} from "../tests/console/console_fixture.ts";

const FOLDER = new URL("../docs/console/", import.meta.url).pathname;
/** A picture larger than this makes a page of documentation slow. */
const MAX_BYTES = 150_000;

interface Picture {
  readonly name: string;
  readonly path: string;
  readonly look?: Look;
  /** Brings the page into the state that is shown. */
  readonly prepare?: (page: Page) => Promise<void>;
}

const PICTURES: readonly Picture[] = [
  { name: "networks", path: "/networks" },
  { name: "networks-dark", path: "/networks", look: { theme: "dark" } },
  { name: "network", path: "/networks/core-banking" },
  { name: "addresses", path: "/networks/core-banking/addresses?sel=10.10.0.16" },
  { name: "address-list", path: "/networks/core-banking/addresses?view=list" },
  { name: "ranges", path: "/networks/core-banking/addresses?view=ranges" },
  { name: "history", path: "/networks/core-banking/history" },
  {
    name: "add-network",
    path: "/networks/new",
    prepare: async (page) => {
      const inputs = page.locator(".fields input");
      const typed = ["wealth", "Private banking", "prod", "140", "", "", "10.10.0.128/25"];
      for (const [index, text] of typed.entries()) {
        if (text !== "") await inputs.nth(index).fill(text);
      }
      await page.locator(".verdict.bad").waitFor();
    },
  },
  { name: "address", path: "/addresses/10.10.0.16?network=core-banking" },
  { name: "fixed", path: "/fixed" },
  {
    name: "unfix",
    path: "/fixed?q=ledger",
    prepare: async (page) => {
      await page.locator(".row-actions button").nth(1).click();
      await page.locator("dialog[open]").waitFor();
    },
  },
  { name: "nodes", path: "/nodes" },
  { name: "node", path: "/nodes/local/node1" },
  {
    name: "findings",
    path: "/findings",
    prepare: (page) => page.locator("summary").first().click(),
  },
  { name: "audit", path: "/audit" },
  { name: "access", path: "/access" },
  {
    name: "search",
    path: "/networks",
    prepare: async (page) => {
      await page.keyboard.press("/");
      await page.getByRole("combobox").fill("ledger-1");
      await page.getByRole("option").first().waitFor();
    },
  },
  {
    name: "phone",
    path: "/networks/core-banking/addresses?sel=10.10.0.16",
    look: { width: 390, height: 844 },
  },
];

/** Takes those of the names; without any, all. */
async function takeAll(names: readonly string[]): Promise<void> {
  await Deno.mkdir(FOLDER, { recursive: true });
  await using bed = await startConsole({ people: true });
  await using browser = await startBrowser();
  for (const language of ["en", "zh-CN"] as const) {
    const take = async ({ name, path, look, prepare }: Picture, { url }: ConsoleFixture) => {
      await using visitor = await visit(browser, url, {
        language,
        width: 1200,
        height: 660,
        ...look,
      });
      const { page } = visitor;
      await visitor.open(path);
      await prepare?.(page);
      await settled(page);
      await save(page, `${name}.${language}.png`);
    };
    for (const picture of PICTURES) {
      if (names.length === 0 || names.includes(picture.name)) await take(picture, bed);
    }
  }
  if (names.length === 0 || names.includes("sign-in")) await takeSignIn();
}

/** Where nobody is let in unknown. */
async function takeSignIn(): Promise<void> {
  await using bed = await startConsole({ anonymous: "none", empty: true });
  await using browser = await startBrowser();
  for (const language of ["en", "zh-CN"] as const) {
    await using visitor = await visit(browser, bed.url, { language, width: 1200, height: 660 });
    await visitor.open("/networks");
    await save(visitor.page, `sign-in.${language}.png`);
  }
}

async function save(page: Page, name: string): Promise<void> {
  const image = await page.screenshot({ animations: "disabled", caret: "hide" });
  if (image.length > MAX_BYTES) throw new Error(`${name} takes ${image.length} octets`);
  await Deno.writeFile(`${FOLDER}${name}`, image);
}

if (import.meta.main) {
  await takeAll(Deno.args);
  Deno.exit(0);
}
