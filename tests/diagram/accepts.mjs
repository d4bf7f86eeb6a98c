// Reads Mermaid texts as a JSON list from standard input and writes for each what mermaid says against it, or null.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import path from "node:path";

const modules = path.resolve(process.argv[2]);
const { JSDOM } = createRequire(path.join(modules, "x.js"))("jsdom");
const { window } = new JSDOM("<!doctype html><body></body>");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import(pathToFileURL(path.join(modules, "mermaid/dist/mermaid.core.mjs")));
mermaid.initialize({ securityLevel: "strict", startOnLoad: false });

let text = "";
for await (const part of process.stdin) text += part;
const out = [];
for (const graph of JSON.parse(text)) {
  try {
    const diagram = await mermaid.mermaidAPI.getDiagramFromText(graph);
    const db = diagram.db;
    const labels = [...db.getVertices().values()].map((v) => v.text);
    out.push({ error: null, labels, edges: db.getEdges().map((e) => [e.start, e.end, e.text]), subgraphs: db.getSubGraphs().length });
  } catch (error) {
    out.push({ error: String(error) });
  }
}
process.stdout.write(JSON.stringify(out));
