"""Runs a program: up, up again without changes, refresh, destroy.

    reference.py __main__.py             the example, as a user runs it
    reference.py --as-given program.py   the reference program as it was given

That program says servicebus.SkuArgs. In pulumi-azure-native (0.7, 1.104, 3.24 and 3.29)
the class beside servicebus.Namespace is SBSkuArgs; SkuArgs was that of the API of 2014
and 2015. The name is added here, outside the program, and so is a location, of which it
has none."""

import os
import re
import sys

import pulumi_azure_native as azure_native
from pulumi import automation

as_given = sys.argv[1] == "--as-given"
path = sys.argv[-1]
if as_given:
    azure_native.servicebus.SkuArgs = azure_native.servicebus.SBSkuArgs
with open(path, encoding="utf-8") as f:
    source = compile(f.read(), path, "exec")


def program():
    exec(source, {"__name__": "__main__"})


def main():
    env = {k: v for k, v in os.environ.items() if k.startswith(("PULUMI_", "ARM_", "SSL_"))}
    stack = automation.create_or_select_stack(
        stack_name="dev", project_name="reference-" + ("given" if as_given else "example"), program=program,
        opts=automation.LocalWorkspaceOptions(env_vars=env))
    if as_given:
        stack.set_config("azure-native:location", automation.ConfigValue("westeurope"))
    try:
        first = stack.up()
        outputs = {k: v.value for k, v in first.outputs.items()}
        assert set(outputs) == {"service_bus_namespace_name", "service_bus_queue_name", "data_factory_name"}, outputs
        assert re.fullmatch("ai-servicebus-namespace[0-9a-f]{8}", outputs["service_bus_namespace_name"]), outputs
        assert re.fullmatch("ai[-_]servicebus[-_]queue[0-9a-f]{8}", outputs["service_bus_queue_name"]), outputs
        assert re.fullmatch("ai-data-factory[0-9a-f]{8}", outputs["data_factory_name"]), outputs
        assert first.summary.resource_changes.get("create") == 6, first.stdout
        stack.up(expect_no_changes=True)
        stack.refresh(expect_no_changes=True)
    finally:
        stack.destroy()
        stack.workspace.remove_stack("dev")
    print(path + ": up, second up, refresh, destroy", outputs)


main()
