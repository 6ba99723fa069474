// Reads pages named as arguments and gives every diagram in them to Mermaid's own parser. One line of JSON a diagram.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, ...pages] = process.argv.slice(2);
const from = createRequire(pathToFileURL(`${folder}/`));
const { JSDOM } = from("jsdom");
const { window } = new JSDOM("");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import(pathToFileURL(`${folder}/node_modules/mermaid/dist/mermaid.core.mjs`));

for (const page of pages) {
  const text = readFileSync(page, "utf8");
  for (const [, diagram] of text.matchAll(/^```mermaid\n(.*?)^```$/gms)) {
    try {
      const { diagramType } = await mermaid.parse(diagram);
      console.log(JSON.stringify({ page, type: diagramType }));
    } catch (error) {
      console.log(JSON.stringify({ page, error: String(error.message ?? error) }));
    }
  }
}
