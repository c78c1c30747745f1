"""Manages a running Switchyard with azure-mgmt-*, as docs/clients.md says. See ../README.md."""

import time

from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.datafactory.models import (
    Expression,
    Factory,
    FactoryIdentity,
    ForEachActivity,
    ParameterSpecification,
    PipelineResource,
    WaitActivity,
)
from azure.mgmt.servicebus.models import SBNamespace, SBQueue, SBSku

from clients import SUBSCRIPTION, adf, bus, resources

GROUP = "python-arm"
NAMESPACE = "python-arm-" + SUBSCRIPTION[:8]
FACTORY = NAMESPACE + "-factory"


def service_bus():
    made = bus.namespaces.begin_create_or_update(
        GROUP, NAMESPACE, SBNamespace(location="westeurope", sku=SBSku(name="Standard"))).result()
    assert made.name == NAMESPACE and made.sku.name == "Standard", made
    queue = bus.queues.create_or_update(GROUP, NAMESPACE, "in", SBQueue(max_delivery_count=3))
    assert queue.max_delivery_count == 3, queue
    assert [q.name for q in bus.queues.list_by_namespace(GROUP, NAMESPACE)] == ["in"]
    keys = bus.namespaces.list_keys(GROUP, NAMESPACE, "RootManageSharedAccessKey")
    assert keys.primary_key in keys.primary_connection_string


def pipeline_with_a_run():
    factory = adf.factories.create_or_update(
        GROUP, FACTORY, Factory(location="westeurope", identity=FactoryIdentity(type="SystemAssigned")))
    assert factory.identity.principal_id, factory
    adf.pipelines.create_or_update(GROUP, FACTORY, "Each", PipelineResource(
        parameters={"items": ParameterSpecification(type="Array")},
        activities=[ForEachActivity(
            name="Each", items=Expression(type="Expression", value="@pipeline().parameters.items"),
            activities=[WaitActivity(name="Short", wait_time_in_seconds=1)])]))
    run = adf.pipelines.create_run(GROUP, FACTORY, "Each", parameters={"items": [1, 2]}).run_id
    for _ in range(60):
        status = adf.pipeline_runs.get(GROUP, FACTORY, run).status
        if status not in ("Queued", "InProgress"):
            break
        time.sleep(0.5)
    assert status == "Succeeded", status


def deletion():
    resources.resource_groups.begin_delete(GROUP).result()
    try:
        bus.namespaces.get(GROUP, NAMESPACE)
    except ResourceNotFoundError as gone:
        assert gone.error.code == "ResourceGroupNotFound", gone
    else:
        raise AssertionError("the namespace is still there")


resources.resource_groups.create_or_update(GROUP, {"location": "westeurope"})
for step in (service_bus, pipeline_with_a_run, deletion):
    step()
    print(f"ok   {step.__name__}")
