import { assertEquals } from "@std/assert";
import { loadConfig } from "./config.ts";
import { type ConfigCacheOptions, openConfigCache } from "./config_cache.ts";
import type { Config } from "./config_schema.ts";

interface Bed extends Disposable {
  readonly options: ConfigCacheOptions;
  write(text: string): void;
  load(): Promise<Config>;
}

/** A configuration that was written long ago, and a folder for the cache. */
function makeBed(): Bed {
  const dir = Deno.makeTempDirSync({ prefix: "fabric-config-" });
  const file = `${dir}/config.yaml`;
  const options = {
    file,
    version: "1.0.0",
    hostname: "host-1",
    now: Date.now() + 60_000,
    folder: `${dir}/run`,
  };
  const bed: Bed = {
    options,
    write: (text) => Deno.writeTextFileSync(file, text),
    load: () => loadConfig({ file, hostname: () => "host-1" }),
    [Symbol.dispose]: () => Deno.removeSync(dir, { recursive: true }),
  };
  bed.write("zone: a\n");
  return bed;
}

/** What the cache answers, after it has kept the configuration. */
async function kept(bed: Bed, options: ConfigCacheOptions = bed.options): Promise<Config> {
  const config = await bed.load();
  openConfigCache(options)?.keep(config);
  return config;
}

Deno.test("the cache answers what was read, as long as the file is the same", async () => {
  using bed = makeBed();
  assertEquals(openConfigCache(bed.options)?.config, undefined);
  const config = await kept(bed);
  assertEquals(openConfigCache(bed.options)?.config, config);
  bed.write("zone: b\n");
  assertEquals(openConfigCache(bed.options)?.config, undefined);
});

Deno.test("the cache is of one version, one host name and one path", async () => {
  using bed = makeBed();
  await kept(bed);
  const others = [{ version: "1.0.1" }, { hostname: "host-2" }];
  for (const other of others) {
    assertEquals(openConfigCache({ ...bed.options, ...other })?.config, undefined);
  }
  Deno.copyFileSync(bed.options.file, `${bed.options.file}.2`);
  assertEquals(
    openConfigCache({ ...bed.options, file: `${bed.options.file}.2` })?.config,
    undefined,
  );
  assertEquals(openConfigCache({ ...bed.options, file: "/nonexistent/x" }), undefined);
});

Deno.test("the cache does not keep what may still change within a tick of the clock", async () => {
  using bed = makeBed();
  const options = { ...bed.options, now: Date.now() };
  await kept(bed, options);
  assertEquals(openConfigCache(options)?.config, undefined);
});

Deno.test("the cache is not believed where others could have written it", async () => {
  using bed = makeBed();
  const config = await kept(bed);
  const { folder = "" } = bed.options;
  const read = () => openConfigCache(bed.options)?.config;
  Deno.chmodSync(folder, 0o755);
  assertEquals(read(), undefined);
  Deno.chmodSync(folder, 0o700);
  assertEquals(read(), config);
  Deno.chmodSync(`${folder}/config.json`, 0o644);
  assertEquals(read(), undefined);
  Deno.chmodSync(`${folder}/config.json`, 0o600);
  Deno.chownSync(`${folder}/config.json`, 1, 1);
  assertEquals(read(), undefined);
  Deno.removeSync(`${folder}/config.json`);
  await kept(bed);
  Deno.renameSync(`${folder}/config.json`, `${folder}/other.json`);
  Deno.symlinkSync(`${folder}/other.json`, `${folder}/config.json`);
  assertEquals(read(), undefined);
});

Deno.test("the cache survives nonsense, and a folder that cannot be made", async () => {
  using bed = makeBed();
  const config = await kept(bed);
  Deno.writeTextFileSync(`${bed.options.folder}/config.json`, "{");
  assertEquals(openConfigCache(bed.options)?.config, undefined);
  openConfigCache({ ...bed.options, folder: "/proc/nowhere" })?.keep(config);
});
