#!/bin/bash
# A real Kafka Connect distributed worker on loopback.   connect.sh up [BOOTSTRAP=127.0.0.1:29092] [REST_PORT=28083]
#   connect.sh sink NAME TOPIC FILE [none|dlq|tolerate]  (FileStream sink; JSON converter, so a non-JSON record is an error:
#   none = fail the task, the default of Connect; dlq = tolerate and send to topic NAME-dlq; tolerate = drop in silence)
#   connect.sh status NAME | delete NAME | down         CONNECT_NAME: worker name (default connect), CONNECT_RF: internal topics' replicas (1)
set -euo pipefail
here=$(dirname "$0"); . "$here/env.sh"; libs=$("$here/kafka-jars.sh")
name=${CONNECT_NAME:-connect}; d=$TESTBED_RUN/$name; [ -f "$d/url" ] && url=$(cat "$d/url")
case ${1:-} in
up) running "$name" && exit 0
  mkdir -p "$d"; url=http://127.0.0.1:${3:-28083}; echo "$url" >"$d/url"
  cat >"$d/worker.properties" <<X
bootstrap.servers=${2:-127.0.0.1:29092}
group.id=$name
listeners=$url
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=false
value.converter.schemas.enable=false
config.storage.topic=$name-configs
offset.storage.topic=$name-offsets
status.storage.topic=$name-status
config.storage.replication.factor=${CONNECT_RF:-1}
offset.storage.replication.factor=${CONNECT_RF:-1}
status.storage.replication.factor=${CONNECT_RF:-1}
offset.storage.partitions=1
status.storage.partitions=1
offset.flush.interval.ms=1000
plugin.discovery=service_load
X
  start_bg "$name" "$(java_for 17)" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$libs/*" \
    org.apache.kafka.connect.cli.ConnectDistributed "$d/worker.properties"
  wait_for "$name" 120 curl -fsS "$url/connectors" ;;
sink) case ${5:-none} in
  none) e='' ;;
  dlq) e=',"errors.tolerance":"all","errors.deadletterqueue.topic.name":"'$2'-dlq","errors.deadletterqueue.topic.replication.factor":"'${CONNECT_RF:-1}'","errors.deadletterqueue.context.headers.enable":"true"' ;;
  tolerate) e=',"errors.tolerance":"all"' ;;
  *) exit 2 ;; esac
  curl -fsS -X PUT -H 'Content-Type: application/json' "$url/connectors/$2/config" -d '{
    "connector.class":"org.apache.kafka.connect.file.FileStreamSinkConnector","tasks.max":"1","topics":"'"$3"'","file":"'"$4"'"'"$e"'}' >/dev/null
  start=$SECONDS; until curl -fsS "$url/connectors/$2/status" 2>/dev/null | grep -q '"tasks":\[{.*"state":"RUNNING"'; do
    [ $((SECONDS - start)) -lt 30 ] || { curl -sS "$url/connectors/$2/status" >&2; exit 1; }; sleep 0.1; done ;;
status) curl -fsS "$url/connectors/$2/status" ;;
delete) curl -fsS -X DELETE "$url/connectors/$2" ;;
down) stop_bg "$name"; rm -rf "$d" ;;
*) sed -n '2,6p' "$0"; exit 2 ;;
esac
