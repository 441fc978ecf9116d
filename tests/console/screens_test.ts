import axe from "axe-core";
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import {
  assertQuiet,
  SCREENS,
  settled,
  startBrowser,
  startConsole,
  visit,
} from "./console_fixture.ts";

/** What axe finds on the page, the serious and the critical. */
async function seriousFindings(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const found: unknown = await page.evaluate(
    `axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => id + ": " + nodes.slice(0, 2).map(({ html, any }) =>
        html.slice(0, 160) + " " + (any[0]?.message ?? "")).join(" | ")))`,
  );
  return Array.isArray(found) ? found.map(String) : [];
}

/** Text that is cut off although nothing tells the rest: no title, no ellipsis that is meant. */
const CUT_OFF = `[...document.querySelectorAll("button, .tag, label, h1, h2, dt, .tabs a, .hint, " +
  ".state, .rail span, .segments button, legend, .verdict, .columnheader, [role=columnheader]")]
  .filter((e) => e.offsetParent !== null && getComputedStyle(e).overflow !== "auto" &&
    e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1 && e.title === "" &&
    getComputedStyle(e).display !== "inline" && !e.closest("[aria-hidden=true]"))
  .map((e) => e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 60) + " " +
    e.scrollWidth + ">" + e.clientWidth)`;

/** Screens that are looked at by axe on a phone as well. */
const PHONE = ["networks", "addresses", "add-network", "fixed"];

/** Tables of which a column is out of sight. */
const WIDE_TABLES = `[...document.querySelectorAll(".table")]
  .filter((e) => e.scrollWidth > e.clientWidth + 1)
  .map((e) => e.getAttribute("aria-label") + " " + e.scrollWidth + ">" + e.clientWidth)`;

/** How far the page itself can be moved sideways. */
const OVERFLOW = `Math.max(document.documentElement.scrollWidth - innerWidth,
  document.querySelector("main").scrollWidth - document.querySelector("main").clientWidth)`;

Deno.test("every screen is whole in both languages, both themes, at 1280 and 390 pixels, and axe finds nothing serious", async () => {
  await using bed = await startConsole({ people: true });
  await using browser = await startBrowser();
  const looks = [
    { language: "en", theme: "light", width: 1280 },
    { language: "zh-CN", theme: "dark", width: 1280 },
    { language: "zh-CN", theme: "light", width: 390 },
    { language: "en", theme: "dark", width: 390 },
  ] as const;
  const wrong: string[] = [];
  await Promise.all(looks.map(async (look) => {
    await using visitor = await visit(browser, bed.url, { ...look, bypassCSP: true });
    const { page } = visitor;
    const where = `${look.language} ${look.theme} ${look.width}`;
    for (const [name, path] of SCREENS) {
      await visitor.open(path);
      const say = (text: string): void => void wrong.push(`${name} (${where}): ${text}`);
      // On a phone the frame is another one; what is in it is the same.
      if (look.width === 1280 || PHONE.includes(name)) {
        for (const text of await seriousFindings(page)) say(text);
      }
      const cut: unknown = await page.evaluate(CUT_OFF);
      if (Array.isArray(cut)) { for (const text of cut) say(`cut off: ${text}`); }
      const wide: unknown = await page.evaluate(WIDE_TABLES);
      if (Array.isArray(wide)) { for (const text of wide) say(`a table is too wide: ${text}`); }
      const overflow = await page.evaluate(OVERFLOW);
      if (typeof overflow !== "number" || overflow > 1) say(`wider than the window: ${overflow}`);
    }
    assertQuiet(visitor, bed.url);
  }));
  assertEquals(wrong, []);
});

Deno.test("an empty store has an empty state with the one button to begin, on every list", async () => {
  await using bed = await startConsole({ empty: true });
  await using browser = await startBrowser();
  await using visitor = await visit(browser, bed.url);
  for (const path of ["/networks", "/fixed", "/nodes", "/findings", "/audit", "/access"]) {
    await visitor.open(path);
    assert(await visitor.page.locator(".empty h2").first().isVisible(), path);
  }
  await visitor.open("/networks");
  await visitor.page.locator(".empty").getByRole("link", { name: "Add network" }).click();
  await settled(visitor.page);
  assert(visitor.page.url().endsWith("/networks/new"));
  await visitor.open("/nowhere");
  await visitor.page.getByText("There is nothing at this address").waitFor();
  assertQuiet(visitor, bed.url);
});

Deno.test("by keyboard alone: search, results, grid, dialogs", async () => {
  await using bed = await startConsole();
  await using browser = await startBrowser();
  await using visitor = await visit(browser, bed.url);
  const { page } = visitor;
  await visitor.open("/networks");
  await page.keyboard.press("/");
  await page.getByRole("combobox").fill("ledger-1");
  await page.getByRole("option").first().waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/addresses\//);
  await page.keyboard.press("/");
  await page.getByRole("combobox").fill("10.10.0.16");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/addresses\/10\.10\.0\.16/);
  await page.getByRole("heading", { name: "10.10.0.16" }).waitFor();

  await visitor.open("/networks/core-banking/addresses?sel=10.10.0.16");
  await page.locator("[data-at='16']").focus();
  await page.keyboard.press("ArrowRight");
  await page.waitForURL(/sel=10\.10\.0\.17/);
  await page.keyboard.press("ArrowDown");
  await page.waitForURL(/sel=10\.10\.0\.33/);
  await page.getByRole("button", { name: "Reserve…" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const back = await page.evaluate("document.activeElement.textContent");
  assertEquals(back, "Reserve…", "the focus goes back where it was");
  assertQuiet(visitor, bed.url);
});
