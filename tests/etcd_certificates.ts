/**
 * Certificates for tests with TLS.
 *
 * @module
 */

/**
 * Files made for the test; all of one throw-away authority. The server's names are `localhost` and
 * `127.0.0.1`; it also serves at 127.0.0.2, for which its certificate is wrong.
 */
export interface EtcdCertificates {
  readonly caFile: string;
  readonly serverCertFile: string;
  readonly serverKeyFile: string;
  /** A client's certificate, without a common name: with auth on the gateway refuses others. */
  readonly certFile: string;
  readonly keyFile: string;
  /** A client's certificate with the common name `fabric`. */
  readonly namedCertFile: string;
  readonly namedKeyFile: string;
}

/** An authority, a server's and a client's certificate by the openssl command. */
export async function makeCertificates(dir: string): Promise<EtcdCertificates> {
  const files: EtcdCertificates = {
    caFile: `${dir}/ca.pem`,
    serverCertFile: `${dir}/server.pem`,
    serverKeyFile: `${dir}/server.key`,
    certFile: `${dir}/client.pem`,
    keyFile: `${dir}/client.key`,
    namedCertFile: `${dir}/named.pem`,
    namedKeyFile: `${dir}/named.key`,
  };
  const script = `set -e
cd "$1"
[ -e named.pem ] && exit 0
curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $curve -keyout ca.key -out ca.pem -days 2 -subj "/CN=test authority" \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
sign() {
  openssl req -new $curve -keyout "$1.key" -out "$1.csr" -subj "$2"
  printf '%s\n' "$3" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
    -extfile "$1.ext" -out "$1.pem"
}
sign server /CN=localhost "subjectAltName=DNS:localhost,IP:127.0.0.1
extendedKeyUsage=serverAuth,clientAuth"
sign client /O=fabric "extendedKeyUsage=clientAuth"
sign named /CN=fabric "extendedKeyUsage=clientAuth"`;
  const output = await new Deno.Command("sh", { args: ["-c", script, "openssl", dir] }).output();
  if (!output.success) throw new Error(new TextDecoder().decode(output.stderr));
  return files;
}
