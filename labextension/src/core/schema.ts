/**
 * Do edited arguments fit a tool's JSON schema? As much of draft 2020-12 as tools use: the server
 * checks all of it, this only keeps a button off that could not succeed.
 */
import { Json, JsonObject } from './wire';

/** The first thing that does not fit, as `path: what`, or null. */
export function misfit(value: Json, schema: JsonObject, path = ''): string | null {
  return check(value, schema, schema, path);
}

function check(value: Json, schema: JsonObject, root: JsonObject, path: string): string | null {
  const at = (what: string): string => (path ? `${path}: ${what}` : what);
  if (typeof schema.$ref === 'string') {
    return check(value, resolve(schema.$ref, root), root, path);
  }
  const either = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(either)) {
    const fits = either.some(form => check(value, form as JsonObject, root, path) === null);
    return fits ? null : at('fits none of the forms it may have');
  }
  if (schema.type !== undefined && !typed(value, schema.type)) {
    return at(`must be ${[schema.type].flat().map(text).join(' or ')}`);
  }
  if (Array.isArray(schema.enum) && !schema.enum.some(one => same(one, value))) {
    return at(`must be one of ${schema.enum.map(one => JSON.stringify(one)).join(', ')}`);
  }
  if (schema.const !== undefined && !same(schema.const, value)) {
    return at(`must be ${JSON.stringify(schema.const)}`);
  }
  if (typeof value === 'string') {
    const least = Number(schema.minLength ?? 0);
    return value.length < least ? at(`must have at least ${least} characters`) : null;
  }
  if (typeof value === 'number') {
    return outOfRange(value, schema, at);
  }
  if (Array.isArray(value)) {
    return first(value, (one, i) =>
      isObject(schema.items) ? check(one, schema.items, root, `${path}[${i}]`) : null
    );
  }
  return isObject(value) ? checkMembers(value, schema, root, path) : null;
}

function checkMembers(
  value: JsonObject,
  schema: JsonObject,
  root: JsonObject,
  path: string
): string | null {
  const members = isObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  const under = (name: string): string => (path ? `${path}.${name}` : name);
  for (const name of required.map(String)) {
    if (!(name in value)) {
      return `${under(name)}: is missing`;
    }
  }
  return first(Object.entries(value), ([name, member]) => {
    const known = members[name] ?? schema.additionalProperties;
    if (known === false) {
      return `${under(name)}: is not an argument`;
    }
    return isObject(known) ? check(member, known, root, under(name)) : null;
  });
}

function outOfRange(
  value: number,
  schema: JsonObject,
  at: (what: string) => string
): string | null {
  if (typeof schema.minimum === 'number' && value < schema.minimum) {
    return at(`must be at least ${schema.minimum}`);
  }
  if (typeof schema.maximum === 'number' && value > schema.maximum) {
    return at(`must be at most ${schema.maximum}`);
  }
  return null;
}

function typed(value: Json, type: Json): boolean {
  return [type].flat().some(name => {
    switch (name) {
      case 'null':
        return value === null;
      case 'array':
        return Array.isArray(value);
      case 'object':
        return isObject(value);
      case 'integer':
        return Number.isInteger(value);
      default:
        return typeof value === name;
    }
  });
}

function resolve(ref: string, root: JsonObject): JsonObject {
  let found: Json = root;
  for (const part of ref.replace(/^#\/?/, '').split('/')) {
    found = isObject(found) ? (found[part] ?? {}) : {};
  }
  return isObject(found) ? found : {};
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function same(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function first<T>(values: T[], problem: (value: T, index: number) => string | null): string | null {
  for (const [index, value] of values.entries()) {
    const found = problem(value, index);
    if (found !== null) {
      return found;
    }
  }
  return null;
}

function text(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
