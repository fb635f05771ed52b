// Holds a conversation with the official TypeScript SDK: steps as JSON on stdin, what came back as JSON on stdout.
//
// usage: node conversation.mjs ENDPOINT

import { readFileSync } from 'node:fs';

import openapi from '@alicloud/openapi-core';
import * as dara from '@darabonba/typescript';
import * as sdk from '@alicloud/fc20230330';

const { Config, OpenApiRequest, Params } = openapi.$OpenApiUtil;
const Client = sdk.default.default;

const endpoint = process.argv[2];
const client = new Client(
  new Config({ endpoint, protocol: 'http', accessKeyId: 'id', accessKeySecret: 'secret' }),
);

async function answered(step) {
  if (step.admin) return admin(...step.admin);
  const answer = step.raw ? await raw(step.raw) : await typed(step);
  return {
    status: answer.statusCode,
    requestId: answer.headers['x-fc-request-id'],
    date: answer.headers.date,
    body: answer.body instanceof dara.Model ? answer.body.toMap() : answer.body,
  };
}

async function admin(method, path, body) {
  const answer = await fetch(`http://${endpoint}${path}`, { method, body: JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

function typed({ call, path, request }) {
  const method = call[0].toLowerCase() + call.slice(1);
  if (request === undefined) return client[method](...path);
  return client[method](...path, dara.cast(request, new sdk[`${call}Request`]({})));
}

function raw({ action, method, pathname, query, body }) {
  const params = new Params({
    action,
    method,
    pathname,
    version: '2023-03-30',
    protocol: 'HTTP',
    authType: 'AK',
    style: 'ROA',
    reqBodyType: 'json',
    bodyType: 'json',
  });
  return client.callApi(params, new OpenApiRequest({ query, body }), new dara.RuntimeOptions({}));
}

function refused(error) {
  if (error.code === 'ECONNRESET') return { kind: 'cut' };
  if (error.statusCode === undefined) throw error;
  return {
    kind: error.name.replace('Error', '').toLowerCase(),
    status: error.statusCode,
    code: error.code,
    message: error.data.Message,
    requestId: error.requestId,
  };
}

const heard = [];
for (const step of JSON.parse(readFileSync(0, 'utf8'))) {
  if (step.request?.nextToken === '<nextToken>') step.request.nextToken = heard.at(-1).body.nextToken;
  heard.push(await answered(step).catch(refused));
}
process.stdout.write(JSON.stringify(heard));
