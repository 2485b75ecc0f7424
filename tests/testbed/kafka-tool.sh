#!/bin/bash
# Runs one of Kafka's own command-line tools:   kafka-tool.sh consumer-groups --bootstrap-server 127.0.0.1:29092 --list
set -euo pipefail
here=$(dirname "$0"); . "$here/env.sh"; libs=$("$here/kafka-jars.sh"); t=org.apache.kafka.tools
case ${1:-} in
acls) c=$t.AclCommand ;; configs) c=kafka.admin.ConfigCommand ;; console-consumer) c=$t.consumer.ConsoleConsumer ;;
console-producer) c=$t.ConsoleProducer ;; consumer-groups) c=$t.consumer.group.ConsumerGroupCommand ;;
topics) c=$t.TopicCommand ;; groups) c=$t.GroupsCommand ;; get-offsets) c=$t.GetOffsetShell ;;
producer-perf-test) c=$t.ProducerPerformance ;; metadata-quorum) c=$t.MetadataQuorumCommand ;; transactions) c=$t.TransactionsCommand ;;
share-groups) c=$t.consumer.group.ShareGroupCommand ;; console-share-consumer) c=$t.consumer.ConsoleShareConsumer ;;
streams-groups) c=$t.streams.StreamsGroupCommand ;; features) c=$t.FeatureCommand ;; reassign-partitions) c=$t.reassign.ReassignPartitionsCommand ;;
delete-records) c=$t.DeleteRecordsCommand ;; broker-api-versions) c=$t.BrokerApiVersionsCommand ;;
*.*) c=$1 ;; *) echo "usage: $0 TOOL-OR-CLASS ARGS..." >&2; exit 2 ;;
esac
shift
exec "$(java_for 17)" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$libs/*" "$c" "$@"
