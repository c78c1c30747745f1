"""The clients of Azure's libraries for a running Switchyard. See ../README.md."""

import os

from azure.identity import ClientSecretCredential
from azure.mgmt.datafactory import DataFactoryManagementClient
from azure.mgmt.resource import ResourceManagementClient
from azure.mgmt.servicebus import ServiceBusManagementClient

ENDPOINT = "https://" + os.environ["ARM_METADATA_HOSTNAME"]
SUBSCRIPTION = os.environ["ARM_SUBSCRIPTION_ID"]

credential = ClientSecretCredential(
    os.environ["ARM_TENANT_ID"], os.environ["ARM_CLIENT_ID"], os.environ["ARM_CLIENT_SECRET"],
    authority=ENDPOINT, disable_instance_discovery=True,
)
here = {"base_url": ENDPOINT, "credential_scopes": [ENDPOINT + "/.default"], "polling_interval": 0.1}
resources = ResourceManagementClient(credential, SUBSCRIPTION, **here)
bus = ServiceBusManagementClient(credential, SUBSCRIPTION, **here)
adf = DataFactoryManagementClient(credential, SUBSCRIPTION, **here)
