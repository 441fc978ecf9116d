/**
 * Certificates for a lab's etcd, by the openssl command.
 *
 * @module
 */

import type { Place } from "./place.ts";

/** $1 folder, $2 the members' addresses as subjectAltName. One throw-away authority. */
const CERTIFICATES = `cd "$1"
curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $curve -keyout ca.key -out ca.pem -days 2 -subj "/CN=lab authority" \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
sign() {
  openssl req -new $curve -keyout "$1.key" -out "$1.csr" -subj "/CN=$2"
  echo "$3" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
    -extfile "$1.ext" -out "$1.pem"
}
alt="subjectAltName=DNS:localhost,IP:127.0.0.1,$2"
sign server localhost "$alt"
sign client fabric "extendedKeyUsage=clientAuth"`;

/**
 * Makes, in `folder`, an authority (`ca.pem`), a server's certificate for the addresses and for
 * localhost (`server.pem`, `server.key`), and a client's with CN `fabric` (`client.pem`,
 * `client.key`).
 */
export async function makeCertificates(
  place: Place,
  folder: string,
  options: { readonly addresses: readonly string[] },
): Promise<void> {
  const names = options.addresses.map((address) => `IP:${address}`).join(",");
  await place.execOk(["sh", "-euc", CERTIFICATES, "sh", folder, names]);
}
