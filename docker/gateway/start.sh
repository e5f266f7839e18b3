#!/bin/sh
# Makes a certificate of our own at the first start (the one in IBKR's zip has a key that everybody
# can download), puts its public half where web and worker pin it, and becomes the gateway.
set -eu

store=/key/gateway.p12
if [ ! -s "$store" ]; then
    # The password guards nothing: the file is readable by this user alone.
    keytool -genkeypair -keyalg EC -groupname secp256r1 -alias gateway -validity 3650 \
        -dname "CN=ibkr-gateway" -ext "SAN=dns:ibkr-gateway,dns:localhost,ip:127.0.0.1" \
        -storetype PKCS12 -keystore "$store.new" -storepass glassbox
    chmod 600 "$store.new"
    keytool -exportcert -rfc -alias gateway -keystore "$store.new" -storepass glassbox \
        -file /certificate/gateway-certificate.pem
    mv "$store.new" "$store"
fi
exec bin/run.sh root/conf.yaml
