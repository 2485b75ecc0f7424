#!/bin/bash
# Makes a throw-away CA and certificates for localhost / 127.0.0.1 under $TESTBED_HOME/certs; prints the folder.
# ca.pem; server.pem server-key.pem; server-both.pem (key and chain in one file: Kafka's PEM keystore, HAProxy);
# client.pem client-key.pem (CN=client, for mutual TLS). Kept while valid for one more day.
set -euo pipefail
. "$(dirname "$0")/env.sh"
d=$TESTBED_HOME/certs
exec 9>"$d.lock"; flock 9  # one process at a time
if ! openssl x509 -checkend 86400 -noout -in "$d/server.pem" >/dev/null 2>&1; then
  rm -rf "$d"; mkdir -p "$d"; cd "$d"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=testbed CA" \
    -keyout ca-key.pem -out ca.pem 2>/dev/null
  for who in server client; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$who" -keyout $who-key.pem -out $who.csr 2>/dev/null
    openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 30 -out $who.pem 2>/dev/null \
      -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1"; echo "extendedKeyUsage=serverAuth,clientAuth")
  done
  cat server-key.pem server.pem ca.pem >server-both.pem; cat client-key.pem client.pem ca.pem >client-both.pem
fi
echo "$d"
