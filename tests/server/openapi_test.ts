import { Validator } from "@seriousme/openapi-schema-validator";
import { assert, assertEquals } from "@std/assert";
import { describeApi } from "../../server/openapi.ts";
import { ROUTES } from "../../server/routes/table.ts";
import { applyNetwork } from "../ipam_fixture.ts";
import { runSchemathesis } from "./schemathesis.ts";
import { startAll } from "./server_fixture.ts";

// deno-lint-ignore no-explicit-any -- the test walks a document of every shape
type Anything = any;

const API: Anything = JSON.parse(JSON.stringify(describeApi(ROUTES)));

Deno.test("the description is valid OpenAPI 3.1, and every reference in it leads somewhere", async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(API));
  assertEquals([valid, errors], [true, undefined]);
  const lost: string[] = [];
  const walk = (value: Anything): void => {
    if (typeof value !== "object" || value === null) return;
    if (typeof value.$ref === "string") {
      const parts = value.$ref.replace("#/", "").split("/");
      if (parts.reduce((at: Anything, part: string) => at?.[part], API) === undefined) {
        lost.push(value.$ref);
      }
    }
    Object.values(value).forEach(walk);
  };
  walk(API);
  assertEquals(lost, []);
});

Deno.test("every operation says what it does, who may call it, and what can go wrong", () => {
  const faults: string[] = [];
  const ids = new Set<string>();
  for (const [path, item] of Object.entries<Anything>(API.paths)) {
    for (const [method, operation] of Object.entries<Anything>(item)) {
      const tell = (what: string): void => void faults.push(`${method} ${path}: ${what}`);
      if (ids.has(operation.operationId)) tell("its id is another's");
      ids.add(operation.operationId);
      if (!/^[A-Z]/.test(operation.summary ?? "")) tell("no summary");
      if (operation["x-fabric-access"] === undefined) tell("nobody knows who may");
      const statuses = Object.keys(operation.responses);
      if (!statuses.some((status) => /^[23]/.test(status))) tell("nothing is answered");
      for (const status of ["400", "429", "503"]) {
        if (!statuses.includes(status)) tell(`no ${status}`);
      }
      for (const name of path.matchAll(/\{(\w+)\}/g)) {
        const found = operation.parameters?.some((one: Anything) => one.name === name[1]);
        if (!found) tell(`parameter ${name[1]} is not described`);
      }
      for (const one of operation.parameters ?? []) {
        if (one.$ref === undefined && (one.description ?? "") === "") tell(`${one.name}: no text`);
      }
      for (const media of Object.values<Anything>(operation.requestBody?.content ?? {})) {
        if (media.example === undefined) tell("its body has no example");
      }
    }
  }
  assertEquals(faults, []);
  assert(ids.size > 60, `only ${ids.size} operations`);
});

Deno.test("requests that a machine makes up find no 5xx, no status and no shape that is not described", async () => {
  await using all = await startAll({
    anonymous: "admin",
    rate: { perSecond: 100_000, burst: 100_000 },
  });
  await applyNetwork(all.context, "pods", {
    vlan: 100,
    subnets: [{ cidr: "10.100.0.0/24", gateway: "10.100.0.1" }],
  });
  const { success, text } = await runSchemathesis(all.server.url, {
    seconds: 15,
    // A watch has no end.
    args: ["--exclude-operation-id-regex", "^(watch|startOidc|finishOidc)$"],
  });
  const passed = Number(/generated, (\d+) passed/.exec(text)?.[1] ?? 0);
  assert(success, text.slice(-6000));
  assert(passed > 100, text.slice(-2000));
});
