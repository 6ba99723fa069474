// Parse each document with AsyncAPI's own parser, its references and payload schemas included; print what it says.
import { AvroSchemaParser } from '@asyncapi/avro-schema-parser';
import { Parser, fromFile } from '@asyncapi/parser';
import { ProtoBuffSchemaParser } from '@asyncapi/protobuf-schema-parser';

const parser = new Parser();
parser.registerSchemaParser(AvroSchemaParser());
parser.registerSchemaParser(ProtoBuffSchemaParser());
const told = {};
for (const path of process.argv.slice(2)) {
  const { document, diagnostics } = await fromFile(parser, path).parse();
  const faults = diagnostics.filter((each) => each.severity < 2 || each.code === 'asyncapi-document-unresolved');
  const operations = document ? document.operations().all() : [];
  told[path] = {
    faults: faults.map((each) => `${each.path.join('/')}: ${each.message}`),
    operations: operations.map((each) => ({
      action: each.action(),
      topics: each.channels().all().map((channel) => channel.address()),
      messages: each.messages().all().map((message) => message.name()),
      payloads: each.messages().all().map((message) => Object.keys(message.payload()?.properties() ?? {})),
    })),
  };
}
process.stdout.write(JSON.stringify(told));
