import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { readCertificateNames } from "./certificate_names.ts";

async function certificate(subject: string, names: string): Promise<Uint8Array> {
  const script = `set -e
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
printf '[req]\\ndistinguished_name=dn\\nx509_extensions=x\\n[dn]\\n[x]\\nsubjectAltName=@names\\n[names]\\n%s\\n' "$2" > "$dir/c"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/k" -days 2 \\
  -utf8 -subj "$1" -config "$dir/c" -outform DER 2>/dev/null`;
  const { stdout, success } = await new Deno.Command("sh", {
    args: ["-c", script, "openssl", subject, names],
  }).output();
  if (!success) throw new Error("openssl failed");
  return stdout;
}

Deno.test("names of a certificate are what stands in it, whatever characters they hold", async () => {
  const der = await certificate(
    "/O=网络部/O=ops, O=admin/CN=anna, O=root",
    "DNS.1=a.example\nURI.1=http://x, DNS:b.example\nemail.1=a@b.example\nIP.1=10.0.0.1",
  );
  assertEquals(readCertificateNames(der), {
    commonName: "anna, O=root",
    organisations: ["网络部", "ops, O=admin"],
    alternativeNames: ["a.example", "http://x, DNS:b.example", "a@b.example"],
  });
});

Deno.test("what is no certificate has no names", async () => {
  const der = await certificate("/CN=x", "DNS.1=a");
  assertEquals(readCertificateNames(new Uint8Array()), undefined);
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.nat(255), (at, value) => {
      const other = der.slice();
      other[at] = value;
      readCertificateNames(other);
      readCertificateNames(other.subarray(0, at));
    }),
    { numRuns: 500 },
  );
});
