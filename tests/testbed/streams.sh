#!/bin/bash
# Runs Kafka's own word count as a member of a streams group (KIP-1071), until it is told to end; its name is the group's.
#   streams.sh GROUP BOOTSTRAP FOLDER      reads streams-plaintext-input, which must exist; FOLDER holds its state
#   streams.sh fetch                       only gets what it needs
set -euo pipefail
here=$(dirname "$0"); . "$here/env.sh"
v=${KAFKA_VERSION:-4.3.1}; dir=$TESTBED_HOME/kafka-streams-$v
mvn_libs "$dir" "org.apache.kafka:kafka-streams-examples:$v" org.slf4j:slf4j-simple:1.7.36
[ "${1:-}" != fetch ] || exit 0
[ $# -eq 3 ] || { echo "usage: $0 GROUP BOOTSTRAP FOLDER" >&2; exit 2; }
cat >"$3/streams.properties" <<X
application.id=$1
bootstrap.servers=$2
group.protocol=streams
state.dir=$3/state
commit.interval.ms=1000
replication.factor=1
X
exec "$(java_for 17)" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
  -cp "$dir/*" org.apache.kafka.streams.examples.wordcount.WordCountDemo "$3/streams.properties"
