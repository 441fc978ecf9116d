/**
 * Schemathesis: a client that makes up requests from an API's description. From PyPI, into `.cache`.
 *
 * @module
 */

const VERSION = "4.32.5";
const CACHE = new URL("../../.cache/", import.meta.url).pathname;

/** Where it lies; installed at the first call. */
async function ensure(): Promise<string> {
  const folder = `${CACHE}schemathesis-${VERSION}`;
  if (await Deno.stat(folder).then(() => true, () => false)) return folder;
  await Deno.mkdir(CACHE, { recursive: true });
  const work = await Deno.makeTempDir({ dir: CACHE, prefix: "schemathesis-" });
  const { success, stderr } = await new Deno.Command("python3", {
    args: ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", work]
      .concat(
        `schemathesis==${VERSION}`,
      ),
    stdin: "null",
  }).output();
  if (!success) throw new Error(`pip: ${new TextDecoder().decode(stderr)}`);
  // Whoever is first wins; the others use theirs.
  await Deno.rename(work, folder).catch(() => Deno.remove(work, { recursive: true }));
  return folder;
}

/** Runs it for so many seconds; what it prints, and whether it found nothing. */
export async function runSchemathesis(
  url: string,
  options: { readonly seconds: number; readonly args?: readonly string[] },
): Promise<{ readonly success: boolean; readonly text: string }> {
  const folder = await ensure();
  const cwd = await Deno.makeTempDir({ prefix: "fabric-schemathesis-" });
  try {
    const output = await new Deno.Command("python3", {
      args: [
        ...["-m", "schemathesis.cli", "run", `${url}openapi.json`],
        ...["--phases", "examples,coverage,fuzzing", "--max-examples", "8"],
        ...["--max-time", String(options.seconds), "--request-timeout", "10"],
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance," +
        "response_schema_conformance",
        "--continue-on-failure",
        ...["--warnings", "off", "--no-color"],
        ...options.args ?? [],
      ],
      cwd,
      clearEnv: true,
      env: { PATH: "/usr/bin:/bin:/usr/local/bin", PYTHONPATH: folder, HOME: cwd },
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    return {
      success: output.success,
      text: text.decode(output.stdout) + text.decode(output.stderr),
    };
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}
