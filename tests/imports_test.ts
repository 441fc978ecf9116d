/** Who may import whom. The order keeps a CNI call small, and every part usable without the ones above. */

import { assert, assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };

const ROOT = new URL("../", import.meta.url).pathname;

/** The neighbours: what we speak to. */
const NEIGHBOURS = ["mod/etcd", "mod/ovsdb", "mod/host", "mod/kube"];
/** What everybody may use. */
const BASE = ["mod", "mod/ip", "mod/model", "mod/select", "mod/std"];
/** What roles share of the store's rules, and of the node that they run on. */
const SHARED = ["mod/audit", "mod/diagnose", "mod/node", "mod/ipam"];
const ROLES = ["cni", "server", "admin"];

/** What a file of the folder may import, beside packages. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  ".": BASE,
  ...Object.fromEntries(ROLES.map((role) => [role, [role, ...SHARED, ...NEIGHBOURS, ...BASE]])),
  "mod/diagnose": ["mod/diagnose", "mod/node", "mod/ipam", ...NEIGHBOURS, ...BASE],
  "mod/node": ["mod/node", "mod/ipam", ...NEIGHBOURS, ...BASE],
  "mod/audit": ["mod/audit", "mod/ipam", ...NEIGHBOURS, ...BASE],
  "mod/ipam": ["mod/ipam", ...NEIGHBOURS, ...BASE],
  ...Object.fromEntries(NEIGHBOURS.map((neighbour) => [neighbour, [neighbour, ...BASE]])),
  ...Object.fromEntries(BASE.map((folder) => [folder, BASE])),
};

const WHY =
  "imports run one way: main -> roles -> mod/diagnose -> mod/node -> mod/ipam -> neighbours -> mod " +
  "-> packages; " +
  "roles never import each other, neighbours never import each other";

interface Import {
  readonly from: string;
  /** A path below the root, or the specifier of a package. */
  readonly to: string;
  readonly typeOnly: boolean;
}

/** Sources, without their tests. */
function sources(folder: string): readonly string[] {
  return [...Deno.readDirSync(`${ROOT}${folder}`)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return sources(path);
    return /\.(ts|js)$/.test(name) && !/_test\.ts$|\.d\.ts$/.test(name) ? [path] : [];
  });
}

const STATEMENT =
  /^(import|export)\s+(type\s)?[^"'`;]*?from\s+"([^"]+)"|^import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;

const MAPPED: Readonly<Record<string, string>> = config.imports;

function importsOf(from: string): readonly Import[] {
  const text = Deno.readTextFileSync(`${ROOT}${from}`);
  return [...text.matchAll(STATEMENT)].map((match) => {
    const specifier = match[3] ?? match[4] ?? match[5] ?? "";
    const target = MAPPED[specifier] ?? specifier;
    const base = target === specifier ? from : "deno.json";
    const to = target.startsWith(".")
      ? new URL(target, `file:///${base}`).pathname.slice(1)
      : target;
    return { from, to, typeOnly: match[2] !== undefined };
  });
}

/** `mod/etcd` of `mod/etcd/wire.ts`; deeper folders belong to the one above. */
function partOf(path: string): string {
  const folders = path.split("/").slice(0, -1);
  if (folders.length === 0) return ".";
  return folders[0] === "mod" ? folders.slice(0, 2).join("/") : folders[0] ?? ".";
}

const FILES = ["main.ts", ...["mod", ...ROLES].flatMap(sources)];
const IMPORTS = FILES.flatMap(importsOf);

Deno.test("every folder has its place in the order of imports", () => {
  const unknown = new Set(FILES.map(partOf).filter((part) => ALLOWED[part] === undefined));
  assertEquals([...unknown], [], `give it a place in this test; ${WHY}`);
});

Deno.test("imports run one way, and neither roles nor neighbours import each other", () => {
  const wrong = IMPORTS.filter(({ from, to }) => {
    if (to.includes(":") || !FILES.includes(to)) return false;
    if (from === "main.ts" && ROLES.includes(partOf(to))) return false;
    return !ALLOWED[partOf(from)]?.includes(partOf(to));
  });
  assertEquals(wrong.map(({ from, to }) => `${from} imports ${to}`), [], WHY);
});

Deno.test("main.ts imports the roles by name and dynamically, so that a call loads one", () => {
  const text = Deno.readTextFileSync(`${ROOT}main.ts`);
  assert(!/^import .*"fabric\//m.test(text), "a static import would load the role in every call");
  const roles = IMPORTS.filter(({ from, to }) => from === "main.ts" && ROLES.includes(partOf(to)));
  assertEquals(roles.map(({ to }) => to).sort(), [
    "admin/main.ts",
    "cni/command.ts",
    "cni/main.ts",
    "server/main.ts",
  ]);
});

Deno.test("no source imports tests, scripts or a test's file", () => {
  const wrong = IMPORTS.filter(({ to }) => /^(tests|scripts)\/|_test\.ts$/.test(to));
  assertEquals(wrong.map(({ from, to }) => `${from} imports ${to}`), [], "it would be shipped");
});

Deno.test("packages are imported by the names of deno.json", () => {
  const wrong = IMPORTS.filter(({ from, to }) =>
    !from.startsWith("mod/std/") && /^(npm|jsr|https?):/.test(to) &&
    !Object.values(MAPPED).includes(to)
  );
  const why = "deno.json is the one place that names versions";
  assertEquals(wrong.map(({ from, to }) => `${from} imports ${to}`), [], why);
});

/** Everything that loading `entry` may bring, with the way to it. */
function reachable(entry: string): ReadonlyMap<string, string> {
  const found = new Map([[entry, entry]]);
  for (const [path, way] of found) {
    for (const { to, typeOnly } of IMPORTS.filter(({ from }) => from === path)) {
      if (!typeOnly && !found.has(to)) found.set(to, `${way} -> ${to}`);
    }
  }
  return found;
}

Deno.test("the plugin reaches nothing that is slow to load", () => {
  const plugin = reachable("cni/main.ts");
  const slow = [
    [/^node:/, "node: modules cost 12 to 30 ms at start"],
    [/^npm:(etcd3|@grpc)/, "etcd3 costs 100 to 200 ms at start; the gateway is the plugin's way"],
    [/^cni\/(command|install|uninstall|installation|install_options)\.ts$/, "only people install"],
    [/^npm:deno-std@[^/]*\/cli/, "a runtime gives no flags"],
  ] as const;
  for (const [pattern, why] of slow) {
    const ways = [...plugin].filter(([path]) => pattern.test(path)).map(([, way]) => way);
    assertEquals(ways, [], why);
  }
});

Deno.test("yaml is imported by the plugin only when a configuration needs all of YAML", () => {
  const [yaml] = Object.entries(MAPPED).filter(([name]) => name === "yaml").map(([, to]) => to);
  const importers = IMPORTS.filter(({ to }) => to === yaml).map(({ from }) => from);
  const plugin = reachable("cni/main.ts");
  for (const from of importers.filter((path) => plugin.has(path))) {
    const text = Deno.readTextFileSync(`${ROOT}${from}`);
    assert(!/^import (?!type).*"yaml"/m.test(text), `${from}: 106 kB, 3 ms at every start`);
  }
});
