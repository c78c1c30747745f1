#!/usr/bin/env bash
# Walks with the az CLI through everything it can do to a running Switchyard that has nothing in it yet, and stops at
# the first answer that is not what Azure gives [ARM 11]. See ../README.md.
#
#   eval "$(switchyard env)" && clienttest/az/walk.sh
set -euo pipefail
: "${ARM_METADATA_HOSTNAME:?is not set: eval \"\$(switchyard env)\" sets it}" "${ARM_TENANT_ID:?}" "${ARM_SUBSCRIPTION_ID:?}"
: "${ARM_CLIENT_ID:?}" "${ARM_CLIENT_SECRET:?}" "${REQUESTS_CA_BUNDLE:?}"

AZURE_CONFIG_DIR=$(mktemp -d)
export AZURE_CONFIG_DIR AZURE_CORE_COLLECT_TELEMETRY=false AZURE_CORE_ONLY_SHOW_ERRORS=true AZURE_CORE_NO_COLOR=true
answer=$AZURE_CONFIG_DIR/answer
complaint=$AZURE_CONFIG_DIR/complaint
trap 'rm -rf "$AZURE_CONFIG_DIR"' EXIT

fail() { printf 'FAIL %s\n' "${*//"$ARM_CLIENT_SECRET"/***}" >&2; cat "$complaint" >&2; exit 1; }

# said reports a command by the words before its options.
said() {
	local words=az
	while [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; do words="$words $1"; shift; done
	echo "ok   $words"
}

# ok runs az, which has to succeed.
ok() {
	az "$@" >"$answer" 2>"$complaint" </dev/null || fail "az $*: exit status $?"
	said "$@"
}

# want VALUE ARGUMENT... runs az, which has to succeed and print this value.
want() {
	local value=$1
	shift
	az "$@" -o tsv >"$answer" 2>"$complaint" </dev/null || fail "az $*: exit status $?"
	# The columns and lines of a table become words: tsv tells an empty list from nothing no more than this does.
	# The newer az shows a duration as it came, the older as Python writes it.
	local got
	got=$(tr '\t\n\r' '   ' <"$answer" | sed 's/  */ /g; s/ $//; s/PT45S/0:00:45/')
	[ "$got" = "$value" ] || fail "az $*: got \"$got\", want \"$value\""
	said "$@"
}

# refused CODE ARGUMENT... runs az, which has to fail and name this code of Azure's.
refused() {
	local code=$1
	shift
	if az "$@" >"$answer" 2>"$complaint" </dev/null; then fail "az $* succeeded, want $code"; fi
	grep -q "$code" "$complaint" || fail "az $*: want $code"
	echo "$(said "$@") refused: $code"
}

# equal WHAT GOT WANT compares two answers.
equal() { [ "$2" = "$3" ] || fail "$1: got \"$2\", want \"$3\""; echo "ok   $1"; }
differ() { [ "$2" != "$3" ] || fail "$1: \"$2\" twice"; echo "ok   $1"; }
value() { az "$@" -o tsv 2>"$complaint" </dev/null || fail "az $*: exit status $?"; }

subscription=/subscriptions/$ARM_SUBSCRIPTION_ID
group=walk
bus=walk-$(printf '%s' "$ARM_SUBSCRIPTION_ID" | cut -c1-8)
in=(-g $group --namespace-name "$bus")

echo "-- az $(value version --query '"azure-cli"'): the cloud, and logging in"
ok cloud register -n Switchyard --endpoint-resource-manager "https://$ARM_METADATA_HOSTNAME"
ok cloud set -n Switchyard
# Where it logs in comes from metadata, of which az 2.45 and 2.91 read different versions.
want true cloud show --query "contains(['https://$ARM_METADATA_HOSTNAME/adfs', 'https://$ARM_METADATA_HOSTNAME'], endpoints.activeDirectory)"
want "$ARM_SUBSCRIPTION_ID" login --service-principal -u "$ARM_CLIENT_ID" -p "$ARM_CLIENT_SECRET" --tenant "$ARM_TENANT_ID" --query '[].id'
want "$ARM_TENANT_ID Enabled" account show --query '[tenantId, state]'
want true account list-locations --query "contains([].name, 'westeurope')"
want "Microsoft.ServiceBus Registered true" provider show -n Microsoft.ServiceBus \
	--query "[namespace, registrationState, contains(resourceTypes[].resourceType, 'namespaces/queues')]"
want "Microsoft.DataFactory Registered true" provider show -n Microsoft.DataFactory \
	--query "[namespace, registrationState, contains(resourceTypes[].resourceType, 'factories/pipelines')]"
ok provider register -n Microsoft.ServiceBus

echo "-- resource group"
want false group exists -n $group
refused ResourceGroupNotFound group show -n $group
for _ in create "create again"; do
	want "$group westeurope Succeeded dev" group create -n $group -l westeurope --tags env=dev --query '[name, location, properties.provisioningState, tags.env]'
done
want true group exists -n $group
want "$subscription/resourceGroups/$group" group show -n $group --query id
want true group list --query "contains([].name, '$group')"
want "prod" group update -n $group --set tags.env=prod --query tags.env

echo "-- namespace"
want true servicebus namespace exists --name "$bus" --query nameAvailable
refused ResourceNotFound servicebus namespace show -g $group -n "$bus"
for _ in create "create again"; do
	want "$bus Standard Succeeded westeurope" servicebus namespace create -g $group -n "$bus" -l westeurope --sku Standard \
		--query '[name, sku.name, provisioningState, location]'
done
want "false NameInUse" servicebus namespace exists --name "$bus" --query '[nameAvailable, reason]'
want "$subscription/resourceGroups/$group/providers/Microsoft.ServiceBus/namespaces/$bus Microsoft.ServiceBus/Namespaces" \
	servicebus namespace show -g $group -n "$bus" --query '[id, type]'
want "$bus Standard" servicebus namespace update -g $group -n "$bus" --tags owner=walk --query '[name, sku.name]'
want walk servicebus namespace show -g $group -n "$bus" --query tags.owner
want "$bus" servicebus namespace list -g $group --query '[].name'
want true servicebus namespace list --query "contains([].name, '$bus')"

echo "-- queue"
for _ in create "create again"; do
	want "orders 5 Active" servicebus queue create "${in[@]}" -n orders --lock-duration PT45S --max-delivery-count 5 --query '[name, maxDeliveryCount, status]'
done
want "0:00:45 5 Active 1024" servicebus queue show "${in[@]}" -n orders --query '[lockDuration, maxDeliveryCount, status, maxSizeInMegabytes]'
want "7 0:00:45" servicebus queue update "${in[@]}" -n orders --max-delivery-count 7 --query '[maxDeliveryCount, lockDuration]'
want "7 0:00:45" servicebus queue show "${in[@]}" -n orders --query '[maxDeliveryCount, lockDuration]'
want "results" servicebus queue create "${in[@]}" -n results --query name
want "orders results" servicebus queue list "${in[@]}" --query 'sort([].name)'
refused NotFound servicebus queue show "${in[@]}" -n none
refused BadRequest servicebus queue create "${in[@]}" -n forwards --forward-to nowhere
want "orders" servicebus queue create "${in[@]}" -n forwards --forward-to orders --query forwardTo
ok servicebus queue delete "${in[@]}" -n forwards

echo "-- topic, subscription, rules"
for _ in create "create again"; do
	want "news Active" servicebus topic create "${in[@]}" -n news --query '[name, status]'
	want "all 3" servicebus topic subscription create "${in[@]}" --topic-name news -n all --max-delivery-count 3 --query '[name, maxDeliveryCount]'
	want "red SqlFilter colour = 'red' SET seen = 1" servicebus topic subscription rule create "${in[@]}" --topic-name news --subscription-name all -n red \
		--filter-sql-expression "colour = 'red'" --action-sql-expression "SET seen = 1" --query '[name, filterType, sqlFilter.sqlExpression, action.sqlExpression]'
	want "blue CorrelationFilter order v" servicebus topic subscription rule create "${in[@]}" --topic-name news --subscription-name all -n blue \
		--filter-type CorrelationFilter --label order --correlation-filter k=v --query '[name, filterType, correlationFilter.label, correlationFilter.properties.k]'
done
want "news 1" servicebus topic show "${in[@]}" -n news --query '[name, subscriptionCount]'
ok servicebus topic update "${in[@]}" -n news --default-message-time-to-live PT1H
want "news" servicebus topic list "${in[@]}" --query '[].name'
want "4" servicebus topic subscription update "${in[@]}" --topic-name news -n all --max-delivery-count 4 --query maxDeliveryCount
want "all 4" servicebus topic subscription show "${in[@]}" --topic-name news -n all --query '[name, maxDeliveryCount]'
want "all" servicebus topic subscription list "${in[@]}" --topic-name news --query '[].name'
rule=("${in[@]}" --topic-name news --subscription-name all)
want "colour = 'red'" servicebus topic subscription rule show "${rule[@]}" -n red --query sqlFilter.sqlExpression
want "colour = 'green'" servicebus topic subscription rule update "${rule[@]}" -n red --filter-sql-expression "colour = 'green'" --query sqlFilter.sqlExpression
want "blue red" servicebus topic subscription rule list "${rule[@]}" --query 'sort([].name)'
refused BadRequest servicebus topic subscription rule create "${rule[@]}" -n broken --filter-sql-expression "colour ="
ok servicebus topic subscription rule delete "${rule[@]}" -n red
want "blue" servicebus topic subscription rule list "${rule[@]}" --query '[].name'

echo "-- authorization rules and keys"
for _ in create "create again"; do
	want "app Listen Send" servicebus namespace authorization-rule create "${in[@]}" -n app --rights Send Listen --query '[name, sort(rights)[0], sort(rights)[1]]'
	want "sender Send" servicebus queue authorization-rule create "${in[@]}" --queue-name orders -n sender --rights Send --query '[name, rights[0]]'
	want "reader Listen" servicebus topic authorization-rule create "${in[@]}" --topic-name news -n reader --rights Listen --query '[name, rights[0]]'
done
want "RootManageSharedAccessKey app" servicebus namespace authorization-rule list "${in[@]}" --query 'sort([].name)'
want "sender" servicebus queue authorization-rule list "${in[@]}" --queue-name orders --query '[].name'
want "reader" servicebus topic authorization-rule list "${in[@]}" --topic-name news --query '[].name'
want "app" servicebus namespace authorization-rule show "${in[@]}" -n app --query name
want "Send" servicebus namespace authorization-rule update "${in[@]}" -n app --rights Send --query 'rights[]'
want "true true" servicebus namespace authorization-rule keys list "${in[@]}" -n RootManageSharedAccessKey \
	--query "[starts_with(primaryConnectionString, 'Endpoint=sb://'), contains(primaryConnectionString, primaryKey)]"
want "true" servicebus queue authorization-rule keys list "${in[@]}" --queue-name orders -n sender \
	--query "contains(primaryConnectionString, ';EntityPath=orders')"
primary=$(value servicebus namespace authorization-rule keys list "${in[@]}" -n app --query primaryKey)
secondary=$(value servicebus namespace authorization-rule keys list "${in[@]}" -n app --query secondaryKey)
renewed=$(value servicebus namespace authorization-rule keys renew "${in[@]}" -n app --key PrimaryKey --query primaryKey)
differ "keys renew makes another primary key" "$renewed" "$primary"
equal "keys list shows the new key, and the secondary one as it was" \
	"$(value servicebus namespace authorization-rule keys list "${in[@]}" -n app --query '[primaryKey, secondaryKey]' | tr '\n' ' ')" "$renewed $secondary "
queue_key=$(value servicebus queue authorization-rule keys list "${in[@]}" --queue-name orders -n sender --query secondaryKey)
renewed=$(value servicebus queue authorization-rule keys renew "${in[@]}" --queue-name orders -n sender --key SecondaryKey --query secondaryKey)
differ "keys renew of a queue makes another secondary key" "$renewed" "$queue_key"

echo "-- factory, with az rest"
factory=$subscription/resourceGroups/$group/providers/Microsoft.DataFactory/factories/$bus-factory
version='api-version=2018-06-01'
definition='{"properties":{"parameters":{"items":{"type":"array","defaultValue":[1,2,3]}},"activities":[{"name":"Each","type":"ForEach","typeProperties":{
	"isSequential":true,"items":{"value":"@pipeline().parameters.items","type":"Expression"},
	"activities":[{"name":"Short","type":"Wait","typeProperties":{"waitTimeInSeconds":1}}]}}]}}'
for _ in create "create again"; do
	want "$bus-factory Succeeded SystemAssigned $ARM_TENANT_ID" rest --method put --url "$factory?$version" \
		--body '{"location":"westeurope","identity":{"type":"SystemAssigned"}}' --query '[name, properties.provisioningState, identity.type, identity.tenantId]'
	want "Each ForEach" rest --method put --url "$factory/pipelines/Each?$version" --body "$definition" \
		--query '[properties.activities[0].name, properties.activities[0].type]'
done
want "Each" rest --method get --url "$factory/pipelines?$version" --query 'value[].name'
run=$(value rest --method post --url "$factory/pipelines/Each/createRun?$version" --body '{"items":[1,2]}' --query runId)
status=
for _ in $(seq 60); do
	status=$(value rest --method get --url "$factory/pipelineruns/$run?$version" --query status)
	case $status in Queued | InProgress) sleep 1 ;; *) break ;; esac
done
equal "the run ends" "$status" Succeeded
window='{"lastUpdatedAfter":"2000-01-01T00:00:00Z","lastUpdatedBefore":"2999-01-01T00:00:00Z"}'
want "$run Each Succeeded" rest --method post --url "$factory/queryPipelineRuns?$version" --body "$window" --query 'value[0].[runId, pipelineName, status]'
want "1 2" rest --method post --url "$factory/pipelineruns/$run/queryActivityruns?$version" --body "$window" \
	--query "[length(value[?activityType=='ForEach' && status=='Succeeded']), length(value[?activityType=='Wait' && status=='Succeeded'])]"
refused PipelineNotFound rest --method post --url "$factory/pipelines/None/createRun?$version"
want "$bus-made Succeeded" resource create -g $group -n "$bus-made" --resource-type Microsoft.DataFactory/factories --properties '{}' --query '[name, properties.provisioningState]'
want "$bus $bus-factory $bus-made" resource list -g $group --query 'sort([].name)'
want "$bus-factory" resource list -g $group --query "[?identity.type=='SystemAssigned'].name"
want "Microsoft.ServiceBus/Namespaces" resource show --ids "$subscription/resourceGroups/$group/providers/Microsoft.ServiceBus/namespaces/$bus" --query type

echo "-- deletion, twice where it is idempotent"
ok rest --method delete --url "$factory/pipelines/Each?$version"
for _ in delete "delete again"; do
	ok servicebus topic subscription delete "${in[@]}" --topic-name news -n all
done
for _ in delete "delete again"; do
	ok servicebus topic delete "${in[@]}" -n news
	ok servicebus queue delete "${in[@]}" -n results
	ok servicebus namespace authorization-rule delete "${in[@]}" -n app
done
want "orders" servicebus queue list "${in[@]}" --query '[].name'
ok resource delete --ids "$subscription/resourceGroups/$group/providers/Microsoft.DataFactory/factories/$bus-made"
ok servicebus namespace delete -g $group -n "$bus"
refused ResourceNotFound servicebus namespace show -g $group -n "$bus"
want true servicebus namespace exists --name "$bus" --query nameAvailable
ok group delete -n $group --yes
want false group exists -n $group
refused ResourceGroupNotFound resource list -g $group
ok logout
echo "everything az asked for was there"
