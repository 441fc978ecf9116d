/**
 * Files with secrets: refused when others than their owner can read them.
 *
 * @module
 */
import { FabricError } from "./error.ts";

/**
 * The text of the file. `invalid` when it cannot be read or when its group or others may read or
 * write it; `field` names the setting that points to it. Who is not root may be given a file of
 * root's by its group (0440, 0640): so do the Secrets of Kubernetes reach a Pod's user. Synchronous, since a small file is read
 * before an asynchronous read would have begun.
 */
export function readSecretFile(
  path: string,
  field: string,
  { user = Deno.uid() }: { readonly user?: number | null } = {},
): string {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (cause) {
    const why = cause instanceof Deno.errors.NotFound ? "does not exist" : "cannot be read";
    throw new FabricError("invalid", `${path} ${why}`, { field, value: path, cause });
  }
  try {
    // The open file is asked, so that nothing can be put in its place meanwhile.
    const { mode: given, uid } = file.statSync();
    const mode = given ?? 0;
    const byGroup = (mode & 0o077) === 0o040 && uid === 0 && user !== 0;
    if ((mode & 0o077) !== 0 && !byGroup) {
      const shown = (mode & 0o777).toString(8).padStart(4, "0");
      throw new FabricError("invalid", `${path} holds a secret and has mode ${shown}`, {
        field,
        value: path,
        remedy: `run: chmod 600 ${path}`,
      });
    }
    const text = new TextDecoder();
    const buffer = new Uint8Array(8192);
    let whole = "";
    for (let count = file.readSync(buffer); count !== null; count = file.readSync(buffer)) {
      whole += text.decode(buffer.subarray(0, count), { stream: true });
    }
    return whole + text.decode();
  } finally {
    file.close();
  }
}
