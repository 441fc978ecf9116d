import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { formatAddress } from "../../mod/ip/address.ts";
import { allocate } from "../../mod/ipam/allocate.ts";
import { createAccount } from "../../server/auth/accounts.ts";
import { Passwords } from "../../server/auth/password.ts";
import { endSessions } from "../../server/auth/sessions.ts";
import { addRequest } from "../ipam_fixture.ts";
import { assertQuiet, settled, startBrowser, startConsole, visit } from "./console_fixture.ts";

/** The field of a form by its label. */
function field(page: Page, label: string) {
  return page.getByLabel(label, { exact: true });
}

async function toast(page: Page, text: string): Promise<void> {
  await page.locator(".toast").getByText(text).waitFor();
}

Deno.test("the console does what a person asks of it", async (t) => {
  await using bed = await startConsole();
  await using browser = await startBrowser();

  await t.step(
    "a network is added, edited and deleted by its form, with faults at their fields",
    async () => {
      await using visitor = await visit(browser, bed.url);
      const { page } = visitor;
      await visitor.open("/networks");
      await page.getByRole("link", { name: "Add network" }).click();
      await field(page, "Name").fill("Backup_Net");
      await page.locator(".field.wrong").getByText("Backup_Net").first().waitFor();
      await field(page, "Name").fill("backup");
      await field(page, "Physical network").fill("wan");
      await page.getByRole("button", { name: "Create physical network wan" }).click();
      const added = page.getByRole("dialog");
      await added.getByRole("button", { name: "Create" }).click();
      await toast(page, "wan was created");
      await field(page, "Physical network").fill("prod");
      await field(page, "VLAN").fill("5000");
      await page.locator(".field.wrong").getByText("4094").first().waitFor();
      await field(page, "VLAN").fill("100");
      await page.getByText("Same VLAN as core-banking").waitFor();
      await field(page, "VLAN").fill("150");
      await field(page, "CIDR").fill("10.50.0.7/24");
      await page.getByText("did you mean 10.50.0.0/24").waitFor();
      await field(page, "CIDR").fill("10.10.0.128/25");
      await page.getByText("Overlaps core-banking (VLAN 100)").waitFor();
      await page.locator(".verdict.bad").waitFor();
      await field(page, "CIDR").fill("10.50.0.0/24");
      await page.getByText("254 to hand out, 10.50.0.0 to 10.50.0.255").waitFor();
      await page.getByRole("button", { name: "10.50.0.1" }).click();
      await page.getByText("253 to hand out").waitFor();
      await field(page, "Gateway").fill("10.51.0.1");
      await page.locator(".field.wrong").getByText("10.51.0.1").first().waitFor();
      await field(page, "Gateway").fill("10.50.0.1");
      await page.getByText("The server would accept this.").waitFor();
      assertStringIncludes(await page.locator(".preview pre").innerText(), "cidr: 10.50.0.0/24");

      // A reload loses nothing.
      await page.reload();
      await page.getByText("What you typed at").waitFor();
      assertEquals(await field(page, "VLAN").inputValue(), "150");
      await page.getByRole("button", { name: "Create network" }).click();
      await toast(page, "Network backup was created");
      await page.getByRole("heading", { name: "backup" }).waitFor();

      await page.getByRole("link", { name: "Edit" }).click();
      await field(page, "Description").fill("Nightly copies");
      await page.getByRole("button", { name: "Save changes" }).click();
      await toast(page, "Network backup was saved");
      await page.getByText("Nightly copies").first().waitFor();

      await page.getByRole("button", { name: "Delete" }).click();
      const dialog = page.getByRole("dialog");
      const remove = dialog.getByRole("button", { name: "Delete" });
      assert(await remove.isDisabled(), "the name has to be typed");
      await dialog.getByRole("textbox").fill("backup");
      await remove.click();
      await toast(page, "Network backup was deleted");
      await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
      await toast(page, "Taken back");
      await page.getByRole("link", { name: "backup" }).waitFor();

      // What is in use is refused, in place.
      await visitor.open("/networks/cards");
      await page.getByRole("button", { name: "Delete" }).click();
      await dialog.getByRole("textbox").fill("cards");
      await dialog.getByRole("button", { name: "Delete" }).click();
      await dialog.getByRole("alert").waitFor();
      assertQuiet(visitor, bed.url);
    },
  );

  await t.step(
    "of two who edit one network the second is told, shown the difference, and loses nothing",
    async () => {
      await using anna = await visit(browser, bed.url);
      await using boris = await visit(browser, bed.url);
      await Promise.all([anna, boris].map((one) => one.open("/networks/trading/edit")));
      await field(anna.page, "Description").fill("Order routing, hall B");
      await field(boris.page, "Description").fill("Equity orders");
      await field(boris.page, "Cooling seconds").fill("300");
      await anna.page.getByRole("button", { name: "Save changes" }).click();
      await toast(anna.page, "Network trading was saved");

      const conflict = boris.page.locator(".conflict");
      await conflict.waitFor();
      const table = await conflict.locator("table").innerText();
      assertStringIncludes(table, "Order routing, hall B");
      assertStringIncludes(table, "Equity orders");
      assertStringIncludes(table, "both changed it");
      assert(await boris.page.getByRole("button", { name: "Save changes" }).isDisabled());
      await boris.page.getByRole("button", { name: "Keep my changes, take the rest" }).click();
      assertEquals(await field(boris.page, "Description").inputValue(), "Equity orders");
      assertEquals(await field(boris.page, "Cooling seconds").inputValue(), "300");
      await boris.page.getByRole("button", { name: "Save changes" }).click();
      await toast(boris.page, "Network trading was saved");
      await anna.page.getByText("Equity orders").first().waitFor();
      for (const one of [anna, boris]) assertQuiet(one, bed.url);
    },
  );

  await t.step(
    "a session that ends while a network is edited loses nothing that was typed",
    async () => {
      const url = await bed.serve("none");
      await createAccount({ ...bed.context, passwords: new Passwords() }, {
        name: "anna",
        password: "four wet socks hang",
        role: "admin",
        by: "test",
        mustChange: true,
      });
      await using visitor = await visit(browser, url);
      const { page } = visitor;
      const signIn = async (password: string): Promise<void> => {
        await field(page, "Name").last().fill("anna");
        await field(page, "Password").fill(password);
        await page.getByRole("button", { name: "Sign in", exact: true }).click();
      };
      await visitor.open("/networks/trading/edit");
      await signIn("not the password");
      await page.getByText("Name or password is wrong.").waitFor();
      await signIn("four wet socks hang");
      // Whoever made the account knows its password: it is changed first.
      await field(page, "New password").fill("short");
      await page.getByRole("button", { name: "Change", exact: true }).click();
      await page.getByText("it has 5 characters").waitFor();
      await field(page, "New password").fill("seven green kettles");
      await page.getByRole("button", { name: "Change", exact: true }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await settled(page);
      await field(page, "Description").fill("typed before the end");
      await endSessions(bed.store, "anna");
      await field(page, "Description").fill("typed before the end, and after");
      await page.getByRole("button", { name: "Save changes" }).click();
      await page.getByText("Your session has ended").waitFor();
      await field(page, "Password").fill("seven green kettles");
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await page.getByText("typed before the end, and after").first().waitFor();
      const [anna] = (await page.locator("button.who").allInnerTexts()).map((text) => text.trim());
      assertEquals(anna, "anna");
      assertEquals(visitor.complaints, []);
    },
  );

  await t.step(
    "addresses are reserved, fixed, changed and given back, and each can be undone",
    async () => {
      await using visitor = await visit(browser, bed.url);
      const { page } = visitor;
      const dialog = page.getByRole("dialog");
      const undo = page.locator(".toast").getByRole("button", { name: "Undo" }).last();
      const details = page.locator(".details");
      await visitor.open("/networks/cards/addresses");
      await page.locator("[data-at='100']").click();
      await page.waitForURL(/sel=10\.30\.0\.100/);
      await details.getByRole("button", { name: "Reserve" }).click();
      await field(page, "Address or range").fill("10.30.0.100-10.30.0.300");
      await field(page, "Reason").fill("label printer");
      await dialog.getByRole("button", { name: "Reserve" }).click();
      await dialog.locator(".fault").first().waitFor();
      await field(page, "Address or range").fill("10.30.0.100-10.30.0.101");
      await dialog.getByRole("button", { name: "Reserve" }).click();
      await toast(page, "2 addresses reserved");
      await details.getByText("label printer").waitFor();
      await undo.click();
      await details.getByText("Free").waitFor();

      await details.getByRole("button", { name: "Fix to a workload" }).click();
      await field(page, "Namespace").fill("cards");
      await field(page, "Name").fill("vault");
      await dialog.getByRole("button", { name: "Fix to a workload" }).click();
      await toast(page, "vault has 10.30.0.100");
      await details.getByText("Kept").waitFor();
      await details.getByRole("button", { name: "Change address" }).click();
      await field(page, "New address").fill("10.30.0.1");
      await dialog.getByRole("button", { name: "Change address" }).click();
      await dialog.locator(".fault").first().waitFor();
      await field(page, "New address").fill("10.30.0.110");
      await dialog.getByRole("button", { name: "Change address" }).click();
      await toast(page, "10.30.0.110 takes the place of 10.30.0.100");

      // A running pod: it is named as the one who loses.
      await visitor.open("/fixed?q=auth");
      await page.getByRole("button", { name: "Unfix 10.30.0.4" }).click();
      await dialog.getByText("cards/auth-0 loses 10.30.0.4 at its next start").waitFor();
      await dialog.getByRole("button", { name: "Unfix" }).click();
      await toast(page, "10.30.0.4 is no longer fixed");
      await page.getByText("until it ends").first().waitFor();
      await undo.click();
      await page.getByText("until it ends").first().waitFor({ state: "detached" });

      // The holder lives: a release is refused, and says why.
      await visitor.open("/networks/cards/addresses?sel=10.30.0.15");
      await details.getByRole("button", { name: "Release" }).click();
      const refused = page.locator(".toast.bad, dialog .fault");
      const ask = dialog.getByRole("button", { name: "Release" });
      await Promise.race([refused.first().waitFor(), ask.waitFor()]);
      if (await ask.isVisible()) await ask.click();
      await refused.first().waitFor();

      await visitor.open("/audit");
      await page.getByText("10.30.0.100").first().waitFor();
      assertQuiet(visitor, bed.url);
    },
  );

  await t.step(
    "tokens are shown once and revoked; accounts are made, switched off and deleted",
    async () => {
      await using visitor = await visit(browser, bed.url);
      const { page } = visitor;
      const dialog = page.getByRole("dialog");
      await visitor.open("/access");
      await page.getByRole("button", { name: "New token" }).click();
      await field(page, "Name").fill("no good name!");
      await dialog.getByRole("button", { name: "Create" }).click();
      await dialog.locator(".field.wrong").waitFor();
      await field(page, "Name").fill("backup");
      await dialog.getByRole("button", { name: "Create" }).click();
      const secret = await dialog.locator("pre").innerText();
      assert(/^fabric_/.test(secret), secret.slice(0, 10));
      await dialog.getByRole("button", { name: "I have copied it" }).click();
      await page.getByText("backup").first().waitFor();
      await page.getByRole("button", { name: "Revoke" }).click();
      await dialog.getByText("Every program that uses backup is refused from now on").waitFor();
      await dialog.getByRole("button", { name: "Revoke" }).click();
      await toast(page, "Token backup was revoked");

      await page.getByRole("button", { name: "New account" }).click();
      await field(page, "Name").fill("boris");
      await field(page, "Password").fill("short");
      await dialog.getByRole("button", { name: "Create" }).click();
      await dialog.getByText("it has 5 characters").first().waitFor();
      await field(page, "Password").fill("seven green kettles");
      await dialog.getByRole("button", { name: "Create" }).click();
      await toast(page, "Account boris was created");
      const boris = page.getByRole("row").filter({ hasText: "boris" });
      await boris.getByRole("button", { name: "Disable" }).click();
      await toast(page, "boris may no longer sign in");
      await boris.getByRole("button", { name: "Enable" }).waitFor();
      await page.getByRole("button", { name: "Delete account boris" }).click();
      await dialog.getByRole("button", { name: "Delete" }).click();
      await toast(page, "Account boris was deleted");
      assertQuiet(visitor, bed.url);
    },
  );

  await t.step("who only looks is offered nothing to change", async () => {
    const url = await bed.serve("viewer");
    await using visitor = await visit(browser, url);
    const { page } = visitor;
    await visitor.open("/networks");
    assertEquals(await page.getByRole("link", { name: "Add network" }).count(), 0);
    assertEquals(await page.getByRole("link", { name: "Audit" }).count(), 0);
    await visitor.open("/networks/cards/addresses?sel=10.30.0.100");
    await page.locator(".details").getByText("Free").waitFor();
    assertEquals(await page.getByRole("button", { name: "Reserve" }).count(), 0);
    await visitor.open("/access");
    await page.getByText("Your role does not allow this.").first().waitFor();
  });

  await t.step(
    "the grid follows what happens, says so when etcd is gone, and comes back by itself",
    async () => {
      await using visitor = await visit(browser, bed.url);
      const { page } = visitor;
      await visitor.open("/networks/dmz-mail/addresses");
      await page.locator(".live.is-live").waitFor();
      const start = async (id: string): Promise<string> => {
        const { addresses: [address] } = await allocate(bed.context, {
          ...addRequest(id),
          networks: ["dmz-mail"],
          zone: "hall-a",
          pod: { namespace: "mail", name: id },
        });
        return address === undefined ? "" : formatAddress(address.address);
      };
      const first = await start("relay-x");
      await page.getByRole("button", { name: `${first}, Used, mail/relay-x` }).waitFor();

      await bed.etcd.kill(0);
      await page.goto(`${bed.url}/networks`);
      await page.getByText("The server does not reach etcd").first().waitFor();
      await bed.etcd.restart(0);
      await page.getByRole("link", { name: "dmz-mail" }).waitFor();
      await page.locator(".live.is-live").waitFor();
      await visitor.open("/networks/dmz-mail/addresses");
      const second = await start("relay-y");
      await page.getByRole("button", { name: `${second}, Used, mail/relay-y` }).waitFor();
    },
  );
});
