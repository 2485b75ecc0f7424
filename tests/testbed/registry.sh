#!/bin/bash
# A schema registry with the Confluent-compatible REST API: Apicurio Registry, in memory.   registry.sh fetch | up [PORT=28081] | down
# `up` prints the Confluent-compatible base URL (…/apis/ccompat/v7): /subjects, /config, /compatibility and the rest hang under it.
# 2.6 runs on the Java 17 that Kafka needs anyway; 3.x wants 21. REGISTRY_NAME (default registry) names one of several side by side.
set -euo pipefail
here=$(dirname "$0"); . "$here/env.sh"; v=${APICURIO_VERSION:-2.6.13.Final}; d=$TESTBED_HOME/apicurio-$v; port=${2:-28081}
name=${REGISTRY_NAME:-registry}; jar=$d/apicurio-registry-app-$v-runner.jar; url=http://127.0.0.1:$port/apis/ccompat/v7
fetch() {
  flock 9  # one process at a time
  [ -f "$jar" ] && return 0
  rm -rf "$d.new"; mkdir -p "$d.new"
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.0:copy -DoutputDirectory="$d.new" \
    -Dartifact="io.apicurio:apicurio-registry-app:$v:tar.gz:all" >"$d.mvn.log" 2>&1 || { tail "$d.mvn.log" >&2; return 1; }
  (cd "$d.new"; tar -xzf ./*.tar.gz; rm ./*.tar.gz); rm -rf "$d"; mv "$d.new" "$d"
}
case ${1:-} in
fetch) fetch 9>"$d.lock"; echo "$d" ;;
up) fetch 9>"$d.lock"
  start_bg "$name" "$(java_for 17)" -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
    -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" -jar "$jar"
  wait_for "$name" 120 curl -fsS "$url/subjects"; echo "$url" ;;
down) stop_bg "$name" ;;
*) sed -n '2,4p' "$0"; exit 2 ;;
esac
