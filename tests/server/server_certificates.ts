/**
 * Certificates for tests of the server's TLS.
 *
 * @module
 */

export interface ServerCertificates {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly renewedCertFile: string;
  readonly renewedKeyFile: string;
}

/**
 * A server's certificate, one to renew it, and clients': `by-cn`, `by-o`, `by-san`, `no-rule`,
 * `expired`, `other-authority`, `server-only` and `tricky`, each as NAME.pem and NAME.key.
 */
export async function makeServerCertificates(dir: string): Promise<ServerCertificates> {
  const script = `set -e
cd "$1"
curve="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
authority() {
  openssl req -x509 $curve -keyout "$1.key" -out "$1.pem" -days 2 -subj "/CN=$1" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}
authority ca
authority other
sign() { # name, subject, extensions, authority, start and end
  openssl req -new $curve -keyout "$1.key" -out "$1.csr" -subj "$2"
  printf '%s\\n' "$3" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$4.pem" -CAkey "$4.key" -CAcreateserial $5 \
    -extfile "$1.ext" -out "$1.pem"
  chmod 600 "$1.key"
}
server="subjectAltName=DNS:localhost,IP:127.0.0.1
extendedKeyUsage=serverAuth"
client="extendedKeyUsage=clientAuth"
sign tls /CN=localhost "$server" ca "-days 2"
sign renewed /CN=localhost "$server" ca "-days 2"
sign by-cn /CN=ops "$client" ca "-days 2"
sign by-o /O=network-team/CN=anna "$client" ca "-days 2"
sign by-san /O=ci "$client
subjectAltName=DNS:deploy.bank.example" ca "-days 2"
sign no-rule /CN=somebody "$client" ca "-days 2"
sign expired /CN=ops "$client" ca "-days -1"
sign other-authority /CN=ops "$client" other "-days 2"
sign server-only /CN=ops "extendedKeyUsage=serverAuth" ca "-days 2"
sign tricky /CN=x "$client
subjectAltName=@names
[names]
URI.1=http://a, DNS:deploy.bank.example" ca "-days 2"
`;
  const output = await new Deno.Command("sh", { args: ["-c", script, "openssl", dir] }).output();
  if (!output.success) throw new Error(new TextDecoder().decode(output.stderr));
  return {
    caFile: `${dir}/ca.pem`,
    certFile: `${dir}/tls.pem`,
    keyFile: `${dir}/tls.key`,
    renewedCertFile: `${dir}/renewed.pem`,
    renewedKeyFile: `${dir}/renewed.key`,
  };
}
