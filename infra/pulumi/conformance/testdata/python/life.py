"""A stack's life with the vendor's Python packages: preview, up, second up, a change
in place, a change that replaces, refresh, import, destroy. Raises at the first surprise."""

import json
import os
import re
import ssl
import urllib.parse
import urllib.request

import pulumi
import pulumi_azure_native as azure
from pulumi import automation

settings = {"lock": "PT1M", "queue": "first", "wait": 1, "imports": None}


def program():
    group = azure.resources.ResourceGroup("life_group", location="westeurope")
    namespace = azure.servicebus.Namespace(
        "life_bus", resource_group_name=group.name, sku=azure.servicebus.SBSkuArgs(name="Standard"))
    place = {"resource_group_name": group.name, "namespace_name": namespace.name}
    queue = azure.servicebus.Queue(
        "life_queue", queue_name=settings["queue"], lock_duration=settings["lock"], **place)
    if settings["imports"]:
        azure.servicebus.Queue(
            "life_imported", queue_name="found", max_delivery_count=7,
            opts=pulumi.ResourceOptions(import_=settings["imports"]), **place)
    factory = azure.datafactory.Factory(
        "life_factory", resource_group_name=group.name,
        identity=azure.datafactory.FactoryIdentityArgs(type="SystemAssigned"))
    pipeline = azure.datafactory.Pipeline(
        "life_pipeline", resource_group_name=group.name, factory_name=factory.name, pipeline_name="Life",
        activities=[azure.datafactory.ForEachActivityArgs(
            name="Each", type="ForEach",
            items=azure.datafactory.ExpressionArgs(type="Expression", value="@range(0, 2)"),
            activities=[azure.datafactory.WaitActivityArgs(
                name="Wait", type="Wait", wait_time_in_seconds=settings["wait"])])])
    keys = azure.servicebus.list_namespace_keys_output(
        authorization_rule_name="RootManageSharedAccessKey", **place)
    pulumi.export("group", group.name)
    pulumi.export("namespace", namespace.name)
    pulumi.export("queue_id", queue.id)
    pulumi.export("principal", factory.identity.principal_id)
    pulumi.export("connection", keys.primary_connection_string)
    pulumi.export("each", pipeline.activities[0]["name"])


def changes(result):
    c = result.summary.resource_changes or {}
    return [c.get(op, 0) for op in ("create", "update", "replace", "delete")]


def expect(got, want, result):
    assert got == want, f"{got}, want {want}\n{result.stdout}"


def found(queue_id):
    """Makes a queue behind the stack's back and returns its ID."""
    host = os.environ["ARM_METADATA_HOSTNAME"].removeprefix("https://")
    trust = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])

    def send(method, path, body, headers):
        request = urllib.request.Request(f"https://{host}{path}", body.encode(), headers, method=method)
        with urllib.request.urlopen(request, context=trust) as answer:
            return json.load(answer)

    token = send("POST", f"/{os.environ['ARM_TENANT_ID']}/oauth2/v2.0/token", urllib.parse.urlencode({
        "grant_type": "client_credentials", "client_id": os.environ["ARM_CLIENT_ID"],
        "client_secret": os.environ["ARM_CLIENT_SECRET"], "scope": f"https://{host}/.default"}), {})["access_token"]
    new = re.sub("[^/]+$", "found", queue_id)
    send("PUT", new + "?api-version=2024-01-01", json.dumps({"properties": {"maxDeliveryCount": 7}}),
         {"Authorization": "Bearer " + token, "Content-Type": "application/json"})
    return new


def main():
    env = {k: v for k, v in os.environ.items() if k.startswith(("PULUMI_", "ARM_", "SSL_"))}
    stack = automation.create_or_select_stack(
        stack_name="dev", project_name="life-python", program=program,
        opts=automation.LocalWorkspaceOptions(env_vars=env))
    try:
        preview = stack.preview()
        expect(preview.change_summary.get("create"), 6, preview)
        first = stack.up()
        expect(changes(first), [6, 0, 0, 0], first)
        out = first.outputs
        assert re.fullmatch("life_group[0-9a-f]{8}", out["group"].value), out["group"].value
        assert re.fullmatch("[0-9a-f-]{36}", out["principal"].value), out["principal"].value
        assert out["each"].value == "Each"
        assert out["connection"].secret and out["connection"].value.startswith("Endpoint=sb://")
        stack.up(expect_no_changes=True)
        settings.update(lock="PT2M", wait=2)
        in_place = stack.up()
        expect(changes(in_place), [0, 2, 0, 0], in_place)
        settings["queue"] = "second"
        replaced = stack.up()
        expect(changes(replaced), [0, 0, 1, 0], replaced)
        stack.refresh(expect_no_changes=True)
        settings["imports"] = found(replaced.outputs["queue_id"].value)
        imported = stack.up()
        expect(imported.summary.resource_changes.get("import"), 1, imported)
        stack.up(expect_no_changes=True)
    finally:
        stack.destroy()
        stack.workspace.remove_stack("dev")
    print("python: preview, up, second up, change, replacement, refresh, import, destroy")


main()
