#!/bin/bash
# A real Kafka (KRaft) on loopback.   kafka.sh up [NODES=1] [PORT=29092] | down | kill NODE | pause NODE | resume NODE
# Node i listens on PORT+i-1 (plaintext, principal ANONYMOUS) and, with KAFKA_TLS=1, on PORT+200+i-1 (SASL_SSL: PLAIN and
# SCRAM-SHA-512 with the users admin/admin-secret and agent/agent-secret; OAUTHBEARER with unsigned tokens) with an
# authorizer: ANONYMOUS and admin are super users, agent needs ACLs. Classic, consumer, share and streams groups are on,
# topics are not created by being asked for. `up` returns once every broker has said it serves; it starts a killed node
# again on its old data. KAFKA_NAME: a name for this cluster (default kafka), for several side by side. KAFKA_JAVA_OPTS,
# KAFKA_FEATURES (those to format with), KAFKA_EXTRA (lines for server.properties).
set -euo pipefail
here=$(dirname "$0"); . "$here/env.sh"
name=${KAFKA_NAME:-kafka}; data=$TESTBED_RUN/$name; libs=$("$here/kafka-jars.sh")
java=$(java_for 17); run_java() { "$java" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto -Dorg.slf4j.simpleLogger.showDateTime=true "$@"; }
java_bg() { start_bg "$1" "$java" -Xmx"${KAFKA_HEAP:-256m}" -XX:+UseSerialGC ${KAFKA_JAVA_OPTS:--XX:TieredStopAtLevel=1} -cp "$libs/*" "${@:2}"; }

config() { # config NODE NODES PORT
  local i=$1 n=$2 p=$3 voters='' j; for j in $(seq "$n"); do voters+=,$j@127.0.0.1:$((p + 99 + j)); done
  local rf=$((n < 3 ? n : 3)) plain=127.0.0.1:$((p + i - 1)) sasl=''
  [ -z "${KAFKA_TLS:-}" ] || sasl=,SASL_SSL://127.0.0.1:$((p + 199 + i))
  cat <<X
process.roles=broker,controller
node.id=$i
controller.quorum.voters=${voters#,}
listeners=PLAINTEXT://$plain,CONTROLLER://127.0.0.1:$((p + 99 + i))$sasl
advertised.listeners=PLAINTEXT://$plain$sasl
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
log.dirs=$data/$i
offsets.topic.replication.factor=$rf
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=$rf
transaction.state.log.num.partitions=5
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
share.coordinator.state.topic.replication.factor=$rf
share.coordinator.state.topic.num.partitions=3
share.coordinator.state.topic.min.isr=1
auto.create.topics.enable=false
X
  [ -z "${KAFKA_TLS:-}" ] || { local c; c=$("$here/certs.sh"); local m=org.apache.kafka.common.security; cat <<X
ssl.keystore.type=PEM
ssl.keystore.location=$c/server-both.pem
ssl.truststore.type=PEM
ssl.truststore.location=$c/ca.pem
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512,OAUTHBEARER
listener.name.sasl_ssl.plain.sasl.jaas.config=$m.plain.PlainLoginModule required user_admin="admin-secret" user_agent="agent-secret";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=$m.scram.ScramLoginModule required;
listener.name.sasl_ssl.oauthbearer.sasl.jaas.config=$m.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:admin
X
  }
  printf '%s\n' "${KAFKA_EXTRA:-}"
}

features=(); for x in ${KAFKA_FEATURES-share.version=1 streams.version=1}; do features+=(--feature "$x"); done
signal() { kill -"$2" "$(cat "$TESTBED_RUN/$name-$1.pid")"; }

case ${1:-} in
up) n=${2:-1}; p=${3:-29092}; mkdir -p "$data"; f=()
  for i in $(seq "$n"); do running "$name-$i" && continue
    config "$i" "$n" "$p" >"$data/$i.properties"
    [ -f "$data/$i/meta.properties" ] || { run_java -cp "$libs/*" kafka.tools.StorageTool format -t testbedAAAAAAAAAAAAAAA -c "$data/$i.properties" --ignore-formatted "${features[@]}" \
      --add-scram 'SCRAM-SHA-512=[name=admin,password=admin-secret]' --add-scram 'SCRAM-SHA-512=[name=agent,password=agent-secret]' >"$data/format-$i.log" 2>&1 & f+=($!); }
  done; for x in "${f[@]}"; do wait "$x" || { cat "$data"/format-*.log >&2; exit 1; }; done
  for i in $(seq "$n"); do java_bg "$name-$i" kafka.Kafka "$data/$i.properties"; done
  for i in $(seq "$n"); do wait_for "$name-$i" 120 grep -q 'Kafka Server started' "$TESTBED_RUN/$name-$i.log"; done ;;
pause) signal "$2" STOP ;;
resume) signal "$2" CONT ;;
kill) signal "$2" KILL; rm -f "$TESTBED_RUN/$name-$2.pid" ;;
down) for f in "$TESTBED_RUN/$name"-[0-9]*.pid; do [ -f "$f" ] && STOP_SIGNAL=${STOP_SIGNAL:-KILL} stop_bg "$(basename "$f" .pid)"; done; rm -rf "$data" ;;
*) sed -n '2,9p' "$0"; exit 2 ;;
esac
