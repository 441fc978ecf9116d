import type { RoleIo } from "../mod/role.ts";
export async function runUninstall(_a: readonly string[], _io: RoleIo): Promise<number> {
  return await Promise.resolve(1);
}
