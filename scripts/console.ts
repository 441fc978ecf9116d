/**
 * Bundles the console: its program, its style and its page, named by what is in them, into one
 * TypeScript module that the executable carries. Nothing is loaded from anywhere else.
 *
 * @module
 */

const ROOT = new URL("..", import.meta.url).pathname;
const APP = `${ROOT}server/console/app/`;

/** What a visitor's browser loads may not grow unnoticed: octets, compressed. */
const MAX_BYTES = 200_000;

/** Style files, in the order in which later rules win. */
const STYLES = ["tokens", "base", "parts", "screens"] as const;

interface Packed {
  readonly path: string;
  readonly type: string;
  readonly gzip: Uint8Array<ArrayBuffer>;
}

/**
 * Writes `console_assets.ts` into the folder; returns how many octets a browser loads.
 *
 * @throws {Error} It does not bundle, or it has become too large.
 */
export async function buildConsole(folder: string): Promise<number> {
  const script = await bundleScript(folder);
  const styles = await Promise.all(
    STYLES.map((name) => Deno.readTextFile(`${APP}style/${name}.css`)),
  );
  const style = smaller(styles.join("\n"));
  const icon = await Deno.readTextFile(`${APP}icon.svg`);
  const files = [
    await pack("app", { extension: "js", type: "text/javascript; charset=utf-8", text: script }),
    await pack("style", { extension: "css", type: "text/css; charset=utf-8", text: style }),
    await pack("icon", { extension: "svg", type: "image/svg+xml", text: icon }),
  ] as const;
  const [app, css, svg] = files;
  const page = (await Deno.readTextFile(`${APP}page.html`))
    .replace("{app}", app.path).replace("{style}", css.path).replaceAll("{icon}", svg.path);
  const all: readonly Packed[] = [
    { path: "/", type: "text/html; charset=utf-8", gzip: await gzip(page) },
    ...files,
  ];
  const bytes = all.reduce((sum, file) => sum + file.gzip.length, 0);
  if (bytes > MAX_BYTES) throw new Error(`the console takes ${bytes} octets, over ${MAX_BYTES}`);
  const entries = all.map(({ path, type, gzip }) => [path, { type, gzip: gzip.toBase64() }]);
  await Deno.writeTextFile(
    `${folder}/console_assets.ts`,
    `export const ASSETS = ${JSON.stringify(Object.fromEntries(entries))};\n`,
  );
  return bytes;
}

async function bundleScript(folder: string): Promise<string> {
  const output = `${folder}/console_app.js`;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--minify",
      "--frozen",
      "--platform=browser",
      `--output=${output}`,
      "server/console/app/main.tsx",
    ],
    cwd: ROOT,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  if (!success) throw new Error("the console cannot be bundled");
  return await Deno.readTextFile(output);
}

/** Without comments, and with one space where there were several. */
function smaller(css: string): string {
  return css.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/\s+/g, " ")
    .replaceAll(/ ?([{};,>]) ?/g, "$1").replaceAll(/: /g, ":").trim();
}

async function pack(
  name: string,
  { extension, type, text }: {
    readonly extension: string;
    readonly type: string;
    readonly text: string;
  },
): Promise<Packed> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const hash = new Uint8Array(digest).toHex().slice(0, 12);
  return { path: `/assets/${name}-${hash}.${extension}`, type, gzip: await gzip(text) };
}

async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

if (import.meta.main) {
  const [folder = ".build"] = Deno.args;
  await Deno.mkdir(folder, { recursive: true });
  const bytes = await buildConsole(folder);
  await Deno.stdout.write(new TextEncoder().encode(`${bytes} octets compressed\n`));
}
