// The clients of Azure's libraries for a running Switchyard, and what the programs here share.
import assert from "node:assert/strict";
import { DataFactoryManagementClient } from "@azure/arm-datafactory";
import { ResourceManagementClient } from "@azure/arm-resources";
import { ServiceBusManagementClient } from "@azure/arm-servicebus";
import { ClientSecretCredential } from "@azure/identity";

for (const name of ["ARM_METADATA_HOSTNAME", "ARM_TENANT_ID", "ARM_SUBSCRIPTION_ID", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET", "NODE_EXTRA_CA_CERTS"]) {
  if (!process.env[name]) {
    console.error(`${name} is not set: eval "$(switchyard env)" sets it`);
    process.exit(2);
  }
}
const endpoint = `https://${process.env.ARM_METADATA_HOSTNAME}`;
export const subscription = process.env.ARM_SUBSCRIPTION_ID;
const credential = new ClientSecretCredential(process.env.ARM_TENANT_ID, process.env.ARM_CLIENT_ID, process.env.ARM_CLIENT_SECRET, {
  authorityHost: endpoint,
  disableInstanceDiscovery: true,
});
const scope = `${endpoint}/.default`;
const options = { endpoint, credentialScopes: [scope], retryOptions: { maxRetries: 0 } };
export const resources = new ResourceManagementClient(credential, subscription, { endpoint, credentials: { scopes: [scope] }, retryOptions: { maxRetries: 0 } });
export const bus = new ServiceBusManagementClient(credential, subscription, options);
export const adf = new DataFactoryManagementClient(credential, subscription, options);
export const poll = { updateIntervalInMs: 50 }; // instead of every two seconds

export async function step(name, f) {
  try {
    await f();
    console.log(`ok   ${name}`);
  } catch (err) {
    console.error(`FAIL ${name}:`, err);
    process.exitCode = 1;
    throw err;
  }
}

// names collects the names of a list, page after page.
export async function names(list) {
  const all = [];
  for await (const x of list) all.push(x.name);
  return all.sort();
}

// refused checks that something fails with a status and with Azure's code, as the library reads them.
export function refused(promise, statusCode, code) {
  return assert.rejects(promise, (err) => {
    assert.deepEqual([err.statusCode, err.code ?? err.details?.error?.code], [statusCode, code], err.message);
    return true;
  });
}

export const reference = (type, referenceName) => ({ type, referenceName });
