// Runs a TypeScript program: up, up again without changes, refresh, destroy. The types are stripped and not checked, as
// Pulumi does with PULUMI_NODEJS_TRANSPILE_ONLY.
"use strict";
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const automation = require("@pulumi/pulumi/automation");
const ts = require("typescript");

const source = path.resolve(process.argv[2]);
const compiled = path.join(__dirname, "example.compiled.js"); // beside node_modules
fs.writeFileSync(compiled, ts.transpileModule(fs.readFileSync(source, "utf8"), {
  compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
}).outputText);

async function program() {
  delete require.cache[compiled]; // each run of the engine runs it anew
  return { ...require(compiled) };
}

async function main() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([k]) => /^(PULUMI_|ARM_|SSL_)/.test(k)));
  const stack = await automation.LocalWorkspace.createOrSelectStack(
    { stackName: "dev", projectName: "example-typescript", program }, { envVars: env });
  try {
    const first = await stack.up();
    assert.equal(first.summary.resourceChanges.create, 6, first.stdout);
    assert.match(first.outputs.serviceBusNamespaceName.value, /^ai-servicebus-namespace[0-9a-f]{8}$/);
    assert.match(first.outputs.dataFactoryName.value, /^ai-data-factory[0-9a-f]{8}$/);
    await stack.up({ expectNoChanges: true });
    await stack.refresh({ expectNoChanges: true });
  } finally {
    await stack.destroy();
    await stack.workspace.removeStack("dev");
  }
  console.log("TypeScript example: up, second up, refresh, destroy");
}

main().catch(e => { console.error(e); process.exit(1); });
