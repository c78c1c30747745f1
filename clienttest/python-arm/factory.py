"""Goes through what a Data Factory does with runs: parameters, queries, reruns, triggers, cancellation. See ../README.md."""

import time
from datetime import datetime, timedelta, timezone

from azure.core.exceptions import HttpResponseError
from azure.mgmt.datafactory.models import (
    ActivityDependency,
    AzureBlobStorageLinkedService,
    DatasetResource,
    ExecutePipelineActivity,
    Expression,
    Factory,
    FailActivity,
    GlobalParameterResource,
    GlobalParameterSpecification,
    IfConditionActivity,
    JsonDataset,
    LinkedServiceReference,
    LinkedServiceResource,
    ParameterSpecification,
    PipelineReference,
    PipelineResource,
    RunFilterParameters,
    RunQueryFilter,
    RunQueryOrderBy,
    ScheduleTrigger,
    ScheduleTriggerRecurrence,
    SetVariableActivity,
    TriggerFilterParameters,
    TriggerPipelineReference,
    TriggerResource,
    VariableSpecification,
    WaitActivity,
)

from clients import SUBSCRIPTION, adf, resources

GROUP = "python-factory"
FACTORY = "python-runs-" + SUBSCRIPTION[:8]
state = {}


def refused(status, code, call, *args, **options):
    try:
        call(*args, **options)
    except HttpResponseError as error:
        assert (error.status_code, error.error.code) == (status, code), error
    else:
        raise AssertionError(f"{call.__name__} was not refused")


def query(*filters, order=None):
    now = datetime.now(timezone.utc)
    return RunFilterParameters(
        last_updated_after=now - timedelta(hours=1), last_updated_before=now + timedelta(hours=1),
        filters=[RunQueryFilter(operand=operand, operator=operator, values=list(values)) for operand, operator, *values in filters],
        order_by=[RunQueryOrderBy(order_by=by, order=direction) for by, direction in order or []])


def until(what, find):
    for _ in range(600):
        found = find()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(what + " has not happened within a minute")


def ended(run_id):
    def find():
        run = adf.pipeline_runs.get(GROUP, FACTORY, run_id)
        return None if run.status in ("Queued", "InProgress", "Canceling") else run
    return until("the end of run " + run_id, find)


def activities(run_id, *filters):
    answer = adf.activity_runs.query_by_pipeline_run(
        GROUP, FACTORY, run_id, query(*filters, order=[("ActivityName", "DESC")]))
    return [f"{a.activity_name} {a.status}" for a in answer.value]


def after(name):
    return [ActivityDependency(activity=name, dependency_conditions=["Succeeded"])]


def work(breaks):
    """A pipeline of three activities, of which the second fails while it is told to."""
    return PipelineResource(
        parameters={"items": ParameterSpecification(type="Array")},
        variables={"first": VariableSpecification(type="String"), "last": VariableSpecification(type="String")},
        activities=[
            SetVariableActivity(name="First", variable_name="first", value="@string(pipeline().parameters.items)"),
            IfConditionActivity(
                name="Second", depends_on=after("First"), expression=Expression(type="Expression", value=f"@equals({breaks}, 1)"),
                if_true_activities=[FailActivity(name="Break", message="told to", error_code="42")]),
            SetVariableActivity(name="Third", depends_on=after("Second"), variable_name="last", value="@pipeline().globalParameters.env"),
        ])


def factory_with_its_parts():
    resources.resource_groups.create_or_update(GROUP, {"location": "westeurope"})
    adf.factories.create_or_update(GROUP, FACTORY, Factory(location="westeurope"))
    adf.global_parameters.create_or_update(GROUP, FACTORY, "default", GlobalParameterResource(
        properties={"env": GlobalParameterSpecification(type="String", value="dev")}))
    assert [g.name for g in adf.global_parameters.list_by_factory(GROUP, FACTORY)] == ["default"]
    adf.linked_services.create_or_update(GROUP, FACTORY, "Blob", LinkedServiceResource(
        properties=AzureBlobStorageLinkedService(service_endpoint="https://a.blob.core.windows.net")))
    data = adf.datasets.create_or_update(GROUP, FACTORY, "Data", DatasetResource(properties=JsonDataset(
        linked_service_name=LinkedServiceReference(type="LinkedServiceReference", reference_name="Blob"))))
    assert data.properties.linked_service_name.reference_name == "Blob", data
    refused(400, "BadRequest", adf.linked_services.delete, GROUP, FACTORY, "Blob")


def a_run_that_fails():
    adf.pipelines.create_or_update(GROUP, FACTORY, "Work", work(1))
    refused(400, "BadRequest", adf.pipelines.create_run, GROUP, FACTORY, "Work")
    failed = ended(adf.pipelines.create_run(GROUP, FACTORY, "Work", parameters={"items": ["a", 2]}).run_id)
    assert (failed.status, failed.parameters, failed.is_latest) == ("Failed", {"items": '["a",2]'}, True), failed
    assert activities(failed.run_id) == ["Second Failed", "First Succeeded", "Break Failed"]
    assert activities(failed.run_id, ("Status", "Equals", "Failed"), ("ActivityType", "NotEquals", "Fail")) == ["Second Failed"]
    assert activities(failed.run_id, ("ActivityName", "In", "First", "Third")) == ["First Succeeded"]
    refused(400, "BadRequest", activities, failed.run_id, ("TriggerName", "Equals", "x"))
    state["failed"] = failed


def reruns():
    failed = state["failed"]
    adf.pipelines.create_or_update(GROUP, FACTORY, "Work", work(0))

    def rerun(**options):
        return ended(adf.pipelines.create_run(GROUP, FACTORY, "Work", reference_pipeline_run_id=failed.run_id, **options).run_id)

    from_failure = rerun(is_recovery=True, start_from_failure=True)
    assert (from_failure.status, from_failure.run_group_id) == ("Succeeded", failed.run_id), from_failure
    from_activity = rerun(is_recovery=True, start_activity_name="Third")
    assert (from_activity.status, from_activity.run_group_id, from_activity.is_latest) == ("Succeeded", failed.run_id, True), from_activity
    alone = rerun(parameters={"items": []})
    assert (alone.run_group_id, alone.parameters) == (alone.run_id, failed.parameters), alone

    def runs(*filters):
        return [r.run_id for r in adf.pipeline_runs.query_by_factory(GROUP, FACTORY, query(*filters, order=[("RunStart", "DESC")])).value]

    assert runs(("RunGroupId", "Equals", failed.run_id)) == [from_activity.run_id, from_failure.run_id, failed.run_id]
    assert runs(("LatestOnly", "Equals", "true"), ("PipelineName", "Equals", "Work")) == [alone.run_id, from_activity.run_id]


def a_schedule_trigger():
    adf.triggers.create_or_update(GROUP, FACTORY, "Often", TriggerResource(properties=ScheduleTrigger(
        recurrence=ScheduleTriggerRecurrence(
            frequency="Minute", interval=1, start_time=datetime.now(timezone.utc) + timedelta(seconds=2), time_zone="UTC"),
        pipelines=[TriggerPipelineReference(
            pipeline_reference=PipelineReference(type="PipelineReference", reference_name="Work"), parameters={"items": ["@concat('on ', 'time')"]})])))
    adf.triggers.begin_start(GROUP, FACTORY, "Often").result()
    listed = adf.triggers.query_by_factory(GROUP, FACTORY, TriggerFilterParameters()).value
    assert [(t.name, t.properties.runtime_state) for t in listed] == [("Often", "Started")], listed
    fired = until("a trigger run", lambda: adf.trigger_runs.query_by_factory(
        GROUP, FACTORY, query(("TriggerName", "Equals", "Often"), order=[("TriggerRunTimestamp", "ASC")])).value)[0]
    assert (fired.status, list(fired.triggered_pipelines)) == ("Succeeded", ["Work"]), fired
    run = ended(fired.triggered_pipelines["Work"])
    assert (run.status, run.invoked_by.name, run.parameters) == ("Succeeded", "Often", {"items": '["on time"]'}), run
    adf.triggers.begin_stop(GROUP, FACTORY, "Often").result()
    assert adf.triggers.get(GROUP, FACTORY, "Often").properties.runtime_state == "Stopped"


def cancellation():
    adf.pipelines.create_or_update(GROUP, FACTORY, "Long", PipelineResource(
        activities=[WaitActivity(name="Wait", wait_time_in_seconds=3600)]))
    adf.pipelines.create_or_update(GROUP, FACTORY, "Above", PipelineResource(activities=[ExecutePipelineActivity(
        name="Below", pipeline=PipelineReference(type="PipelineReference", reference_name="Long"), wait_on_completion=True)]))
    run = adf.pipelines.create_run(GROUP, FACTORY, "Above").run_id
    below = until("the run below", lambda: adf.pipeline_runs.query_by_factory(
        GROUP, FACTORY, query(("PipelineName", "Equals", "Long"))).value)[0]
    adf.pipeline_runs.cancel(GROUP, FACTORY, run, is_recursive=True)
    assert (ended(run).status, ended(below.run_id).status) == ("Cancelled", "Cancelled")
    refused(400, "BadRequest", adf.pipeline_runs.cancel, GROUP, FACTORY, run)


def what_is_not_supported():
    status = adf.integration_runtimes.get_status(GROUP, FACTORY, "AutoResolveIntegrationRuntime")
    assert status.properties.state == "Online", status
    refused(501, "NotSupported", adf.integration_runtimes.list_auth_keys, GROUP, FACTORY, "AutoResolveIntegrationRuntime")
    refused(501, "NotSupported", adf.private_link_resources.get, GROUP, FACTORY)


def deletion():
    adf.triggers.delete(GROUP, FACTORY, "Often")
    adf.factories.delete(GROUP, FACTORY)
    refused(404, "ResourceNotFound", adf.pipeline_runs.get, GROUP, FACTORY, state["failed"].run_id)
    resources.resource_groups.begin_delete(GROUP).result()


for step in (factory_with_its_parts, a_run_that_fails, reruns, a_schedule_trigger, cancellation, what_is_not_supported, deletion):
    step()
    print(f"ok   {step.__name__}")
